import type { LearningView } from "../worker/protocol";

export interface LearningProps {
  /** Null if the release does not learn. */
  readonly learning: LearningView | null;
  readonly onLearning: (on: boolean) => void;
}

/** What learning on this device is, whether its result is used, and the switch. */
export function Learning({ learning, onLearning }: LearningProps) {
  if (learning === null) return null;
  return (
    <div class="learning">
      <label class="check">
        <input type="checkbox" checked={learning.isOn} onChange={(event) => onLearning(event.currentTarget.checked)} />
        Learn from my choices
      </label>
      <p class="fine">
        What you choose trains a small adapter on this device; nothing of it leaves. {learning.sentence}
      </p>
    </div>
  );
}
