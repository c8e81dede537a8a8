interface Props {
  readonly onChoose: (language: string) => void;
}

import { parts } from "./partTexts";
import { LANGUAGES, language } from "./texts";

/** The choice of the language of the page, its reasons and its answers; each language by its own name. */
export function LanguageChoice({ onChoose }: Props) {
  return (
    <div class="language">
      <label>
        <span>{parts.language}</span>
        <select value={language()} onChange={({ currentTarget }) => onChoose(currentTarget.value)}>
          {LANGUAGES.map((one) => (
            <option key={one} value={one} lang={one}>
              {nameOf(one)}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}

/** With a capital letter, which some languages do not give their own name. */
function nameOf(tag: string): string {
  const [first = "", ...rest] = new Intl.DisplayNames([tag], { type: "language" }).of(tag) ?? tag;
  return first.toLocaleUpperCase(tag) + rest.join("");
}
