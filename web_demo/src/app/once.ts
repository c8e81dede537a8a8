/**
 * Acts on the first click of a double click alone: by the second, the button may mean something else, or another one may
 * lie under the pointer.
 */
export function once(act: () => void): (event: MouseEvent) => void {
  return ({ detail }) => {
    if (detail < 2) act();
  };
}
