import type { LearningStatus } from "../runtime/learning/status";
import { learningText } from "./learningText";
import { parts, spaced } from "./partTexts";

export interface LearningProps {
  /** Null if the release does not learn. */
  readonly learning: LearningStatus | null;
  readonly onLearning: (on: boolean) => void;
}

/** What learning on this device is, whether its result is used, and the switch. */
export function Learning({ learning, onLearning }: LearningProps) {
  if (learning === null) return null;
  return (
    <div class="learning">
      <label class="check">
        <input
          type="checkbox"
          checked={learning.state !== "off"}
          onChange={(event) => onLearning(event.currentTarget.checked)}
        />
        {parts.learning.switch}
      </label>
      <p class="fine">
        {spaced(parts.learning.what)}
        {learningText(learning)}
      </p>
    </div>
  );
}
