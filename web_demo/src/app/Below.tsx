import { forgetLanguage, withLanguage } from "./choice";
import type { SendRequest, View } from "./client";
import { LanguageChoice } from "./LanguageChoice";
import { parts } from "./partTexts";
import { TechnicalDetails } from "./TechnicalDetails";
import { YourData } from "./YourData";

interface Props {
  readonly view: View;
  readonly request: SendRequest;
  readonly onLanguage: (language: string) => void;
}

/** What is below the list, whose code and texts are loaded after it: the user's data, technical details, the language. */
export function Below({ view, request, onLanguage }: Props) {
  return (
    <div class="below" lang={parts.locale}>
      <YourData
        userData={withLanguage(view.userData)}
        hasTalk={view.talk !== null}
        pageKept={view.pageKept}
        traffic={view.traffic}
        learning={view.learning}
        onDelete={() => request("deleteData", null).then(forgetLanguage)}
        onExport={(passphrase) => request("exportHistory", { passphrase })}
        onLearning={(on) => void request("setLearning", { on }).catch(() => undefined)}
        onRounds={(action) => request("rounds", { action })}
        onImport={(file, passphrase) => request("importHistory", { file, passphrase })}
      />
      <TechnicalDetails
        view={view}
        onCheck={() => void request("checkUpdate", null).catch(() => undefined)}
        onProfile={() => request("profile", null)}
      />
      <LanguageChoice onChoose={onLanguage} />
    </div>
  );
}
