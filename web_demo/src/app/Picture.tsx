import { type ComponentChildren, createContext } from "preact";
import { useContext, useEffect, useMemo, useState } from "preact/hooks";
import { SHOP } from "../runtime/constants";
import type { Release } from "../worker/protocol";
import type { SendRequest } from "./client";
import { PlaceholderImage } from "./PlaceholderImage";

/** Pictures, cached once they are loaded; they do not change within a release. */
interface Source {
  get(row: number): Promise<string | null>;
  known(row: number): string | null | undefined;
  /** What the catalogue has. */
  readonly of: string;
}

const noPictures = (of: string): Source => ({ get: () => Promise.resolve(null), known: () => null, of });
const Pictures = createContext<Source>(noPictures(SHOP));

/** Provides one cache to all pictures below it. */
export function PictureSource(props: { request: SendRequest; release: Release | null; children: ComponentChildren }) {
  const { request, release, children } = props;
  const source = useMemo<Source>(() => {
    if (release === null) return noPictures(SHOP);
    if (!release.parts.some(({ role }) => role === "pictures")) return noPictures(release.kind);
    const known = new Map<number, string | null>();
    return {
      of: release.kind,
      known: (row) => known.get(row),
      get: async (row) => {
        const url = await request("picture", { row }).catch(() => null);
        known.set(row, url);
        return url;
      },
    };
  }, [request, release]);
  return <Pictures.Provider value={source}>{children}</Pictures.Provider>;
}

/** An item's picture, or a drawing for its category; decorative, because the title is shown next to it. */
export function Picture({ row, title, kind }: { row: number | null; title: string; kind: string }) {
  const source = useContext(Pictures);
  const [url, setUrl] = useState<string | null | undefined>(row === null ? null : source.known(row));
  useEffect(() => {
    let isCurrent = true;
    const known = row === null ? null : source.known(row);
    setUrl(known);
    if (known === undefined && row !== null) void source.get(row).then((loaded) => isCurrent && setUrl(loaded));
    return () => {
      isCurrent = false;
    };
  }, [source, row]);
  if (url === undefined) return <div class="picture" />;
  if (url === null) {
    return (
      <div class="picture">
        <PlaceholderImage of={source.of} kind={kind} title={title} />
      </div>
    );
  }
  return (
    <div class="picture">
      <img src={url} alt="" onLoad={(event) => fillAround(event.currentTarget)} />
    </div>
  );
}

/** Fill the space around a picture of another aspect ratio with the colour of its corner. */
function fillAround(image: HTMLImageElement): void {
  const context = new OffscreenCanvas(1, 1).getContext("2d");
  context?.drawImage(image, 0, 0, 1, 1, 0, 0, 1, 1);
  const [red, green, blue] = context?.getImageData(0, 0, 1, 1).data ?? [];
  image.style.background = `rgb(${red} ${green} ${blue})`;
}
