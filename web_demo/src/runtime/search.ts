/** Search over titles as a person types: every word typed must begin a word of the title, or at least stand in it. */

/** Lower case without accents, so that "creme" finds "Crème". */
export function plain(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/\p{M}+/gu, "")
    .toLowerCase();
}

export class TitleSearch {
  private readonly titles: readonly string[];

  /**
   * @param titles of all items, in row order.
   * @param popularity breaks ties between titles that match equally well.
   */
  constructor(
    titles: readonly string[],
    private readonly popularity: ArrayLike<number>,
  ) {
    // A space in front makes "begins a word" a plain substring test.
    this.titles = titles.map((title) => ` ${plain(title).replace(/[^\p{L}\p{N}]+/gu, " ")}`);
  }

  /** The rows of the `limit` best matches; none for a query without letters or digits. */
  find(query: string, limit: number): number[] {
    const words = plain(query)
      .split(/[^\p{L}\p{N}]+/u)
      .filter((word) => word !== "");
    if (words.length === 0) return [];
    const found: { row: number; rank: number }[] = [];
    for (const [row, title] of this.titles.entries()) {
      if (words.every((word) => title.includes(word))) found.push({ row, rank: this.rank(title, words) });
    }
    const popularityOf = (row: number) => this.popularity[row] ?? 0;
    found.sort((a, b) => a.rank - b.rank || popularityOf(b.row) - popularityOf(a.row) || a.row - b.row);
    return found.slice(0, limit).map(({ row }) => row);
  }

  /** 0 when the title begins with the query, 1 when every word begins a word of it, else 2. */
  private rank(title: string, words: readonly string[]): number {
    if (title.startsWith(` ${words.join(" ")}`)) return 0;
    return words.every((word) => title.includes(` ${word}`)) ? 1 : 2;
  }
}
