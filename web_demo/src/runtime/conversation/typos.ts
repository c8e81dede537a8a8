/** Compares a short word with one that it may stand for. The same as `edge_runtime/conversation/typos.py`. */

/** Whether two words that begin alike are one dropped, added, different or swapped letter apart. */
export function isOneError(word: string, other: string): boolean {
  const [shorter, longer] = [Array.from(word), Array.from(other)].sort((one, two) => one.length - two.length) as [
    string[],
    string[],
  ];
  if (word === other || shorter[0] !== longer[0] || longer.length - shorter.length > 1) return false;
  const same = longer.findIndex((letter, index) => letter !== shorter[index]);
  const rest = (letters: readonly string[], from: number) => letters.slice(from).join("");
  if (shorter.length < longer.length) return rest(shorter, same) === rest(longer, same + 1);
  if (rest(shorter, same + 1) === rest(longer, same + 1)) return true;
  const swapped = [longer[same + 1], longer[same], ...longer.slice(same + 2)];
  return rest(shorter, same) === swapped.join("");
}
