/** The element at an index that is known to exist. Not for loops over large arrays, where `?? 0` is faster. */
export function at<T>(list: readonly T[], index: number): T {
  const element = list.at(index);
  if (element === undefined) throw new RangeError(`there is no element ${index} of ${list.length}`);
  return element;
}
