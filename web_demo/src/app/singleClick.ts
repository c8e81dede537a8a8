/**
 * Ignore the second click of a double click: by then the button may have another meaning, or another button may be under
 * the pointer.
 */
export function singleClick(act: () => void): (event: MouseEvent) => void {
  return ({ detail }) => {
    if (detail < 2) act();
  };
}
