/** The messages between the page and its worker: typed requests with one response each, and notifications of state. */

import type { Bytes } from "../runtime/bytes";
import type { Candidate } from "../runtime/candidates";
import type { EventName } from "../runtime/constants";
import type { Chip } from "../runtime/conversation/outcome";
import type { HistoryFileProblem } from "../runtime/errors";
import type { StorageProblem } from "../runtime/indexedDbHistory";
import type { LearningStatus } from "../runtime/learning/status";
import type { Profile } from "../runtime/profile/report";
import type { Manner } from "../runtime/reasons/explainer";
import type { Piece } from "../runtime/reasons/wordings";
import type { Phases, RankedBy } from "../runtime/recommender";
import type { PrivacyStatement } from "../runtime/rounds/accountant";
import type { Entry } from "../runtime/rounds/ledger";
import type { Limit, RoundProblemKind } from "../runtime/rounds/participate";
import type { RoundPlan } from "../runtime/rounds/plan";
import type { MetadataState } from "../runtime/signed/pageMetadata";
import type { Traffic } from "../runtime/traffic";
import type { Arrival, SignedBy } from "../runtime/trustStore";

/** One sentence about why an item is in the list. */
export interface CardReason {
  readonly pieces: readonly Piece[];
  readonly language: string;
  readonly by: "language model" | "template";
}

export interface Card {
  readonly row: number;
  readonly itemId: string;
  readonly title: string;
  /** Its most specific category, which selects the placeholder drawing; empty if unknown. */
  readonly kind: string;
  /** Null if nothing can be said, or it is not known yet. */
  readonly reason: CardReason | null;
}

export interface RecommendationList {
  readonly cards: readonly Card[];
  /** Whether the reasons are known, which are found after the list is shown. */
  readonly explained: boolean;
  readonly by: RankedBy;
  /** Increases with every new list. */
  readonly version: number;
}

export interface HistoryEntry {
  readonly id: number;
  readonly itemId: string;
  /** Null if no catalogue is open, or the open one does not contain the item. */
  readonly row: number | null;
  /** Whether a catalogue is open that does not contain the item. */
  readonly gone: boolean;
  readonly title: string;
  readonly kind: string;
  readonly event: string;
}

export interface UserHistory {
  /** Newest first. */
  readonly entries: readonly HistoryEntry[];
  readonly hidden: readonly HistoryEntry[];
}

export interface Part {
  readonly name: string;
  readonly role: string;
  readonly bytes: number;
}

export interface Release {
  readonly name: string;
  readonly release: number;
  readonly created: string;
  readonly target: string;
  /** What the items are: `shop`, `video`, `articles`, or a kind that this page does not know. */
  readonly kind: string;
  readonly nItems: number;
  readonly dim: number;
  readonly parts: readonly Part[];
  readonly licences: readonly string[];
}

/** Who signed the release in use, and how it came here. */
export interface Signing {
  /** Null if it is not signed. */
  readonly signedBy: SignedBy | null;
  /** Null if it is not known. */
  readonly arrival: Arrival | null;
  /** Null if no key is trusted. */
  readonly metadata: MetadataState | null;
  /** What an operator should know of the last check. */
  readonly notes: readonly string[];
  /** Whether the browser keeps whom this page trusts; if not, the next visit decides anew. */
  readonly isKept: boolean;
}

/** What a newer release would change in the user's first ten items. */
export interface Preview {
  /** Length of its list. */
  readonly of: number;
  /** Titles of the items that are not in the list now, best first. */
  readonly entering: readonly string[];
  /** Whether only the order of the items changes. */
  readonly isReordered: boolean;
}

/**
 * Why no release could be opened: the server cannot be reached, has no release, responds with an error, or sent an invalid
 * bundle; or the worker has crashed.
 */
export type Cause = "unreachable" | "no catalogue" | "failing" | "refused" | "crashed";

export type Opening =
  | { readonly state: "opening"; readonly bytes: number | null }
  | { readonly state: "ready"; readonly release: Release; readonly from: "the server" | "this device" }
  | { readonly state: "failed"; readonly cause: Cause; readonly why: string };

export type Update =
  | { readonly state: "unchecked" | "checking" | "current" }
  | { readonly state: "unreachable"; readonly why: string }
  | { readonly state: "fetching"; readonly release: number; readonly bytes: number }
  | {
      readonly state: "ready";
      readonly release: number;
      /** Received for it. */
      readonly bytes: number;
      readonly preview: Preview;
    }
  /** A newer release comes later to this device, in its place of a staged rollout. */
  | { readonly state: "waiting"; readonly release: number }
  /** The signatures of the server have expired: the release in use goes on working. */
  | { readonly state: "stale"; readonly since: number; readonly why: string }
  | { readonly state: "refused"; readonly why: string };

export type Language =
  | { readonly state: "none" | "starting" }
  | { readonly state: "fetching"; readonly received: number; readonly total: number }
  | { readonly state: "ready"; readonly written: number; readonly meanMs: number }
  | { readonly state: "unavailable"; readonly why: string };

export interface UserData {
  readonly events: number;
  /** How many settings differ from their defaults. */
  readonly settings: number;
  readonly hidden: number;
  /** Size of the events and the settings as JSON. */
  readonly eventBytes: number;
  /** Everything that this site stores in the browser, page and release included; null if the browser does not report it. */
  readonly storedBytes: number | null;
  /** Why the history is lost when this tab closes; null while it is stored. */
  readonly storageError: StorageProblem | null;
  /** Whether the complete release is stored for offline visits. */
  readonly offline: boolean;
}

/** Look for a round; switch rounds on or off; train and store what would be sent; send it. */
export type RoundsAction = "look" | "on" | "off" | "prepare" | "send";

/** What taking part in a round means; times are seconds since 1970. */
export interface RoundTerms extends Pick<RoundPlan, "name" | "steps" | "clip" | "sigma"> {
  readonly deadline: number;
  readonly operator: string;
  /** Choices that are trained on. */
  readonly nEvents: number;
  /** How many numbers are sent, and in how many bytes. */
  readonly numbers: number;
  readonly bytes: number;
  /** What others may learn about the history. */
  readonly learns: PrivacyStatement;
  /** Rounds in the period of the limit, what they and this one reveal, and the limit. */
  readonly before: number;
  readonly epsilon: number;
  readonly limit: Limit;
}

export type RoundReceipt = Pick<Entry, "round" | "time" | "operator" | "outcome" | "digest">;

/** Why this browser does not take part now, or what went wrong. */
export interface RoundProblem {
  readonly kind: RoundProblemKind;
  readonly values: Readonly<Record<string, number>>;
  /** More about it, in English; empty if the kind says it. */
  readonly why: string;
}

/** Rounds, as the page shows them. */
export interface RoundsView {
  readonly isOn: boolean;
  /** Null if nothing can be computed for an open round. */
  readonly terms: RoundTerms | null;
  readonly problem: RoundProblem | null;
  /** The bytes that wait to be sent, in hexadecimal. */
  readonly upload: string | null;
  /** Of all rounds, newest first. */
  readonly receipts: readonly RoundReceipt[];
}

/** The engine that computed one list, and the milliseconds of each phase. */
export interface Timing {
  readonly engine: string;
  readonly phases: Phases;
}

/** What the page shows about why one item was recommended, beside the reason of its card. */
export interface Why {
  /** What is said if the card has no reason. */
  readonly nothing: string | null;
  /** What else speaks for the item, best first. */
  readonly others: readonly (readonly Piece[])[];
  /** The language of these sentences. */
  readonly language: string;
  readonly manner: Manner;
  /** Its position in the list, from 1. */
  readonly position: number;
}

/** Sentences to begin with. */
export interface Examples {
  readonly texts: readonly string[];
  /** The language that sentences are in. */
  readonly language: string;
}

/** What was said, and the answer to the last sentence. */
export interface TalkView {
  /** All that counts now. */
  readonly chips: readonly Chip[];
  readonly answer: string;
  /** The part of the answer that says no more than the chips; empty if there is none. */
  readonly repeats: string;
  /** The replies to the question that the answer is; none if it is no question. */
  readonly options: readonly string[];
  readonly canUndo: boolean;
  /** The language of all of these. */
  readonly language: string;
}

/** The list as one text, which grows while it is written. */
export interface ListTextView {
  /** Of the list. */
  readonly version: number;
  readonly language: string;
  /** What is written: an opening, and a line for each item. */
  readonly lines: readonly string[];
  /** The beginning of the next line; empty if none was begun. */
  readonly begun: string;
  /** How many lines it will have. */
  readonly of: number;
  readonly isWriting: boolean;
  /** What has written it so far. */
  readonly by: readonly ("language model" | "template")[];
}

export interface Hit {
  readonly row: number;
  readonly itemId: string;
  readonly title: string;
  readonly kind: string;
  readonly inHistory: boolean;
}

/** Why a history file is not read or written: what the user gave is wrong, such as the passphrase, not the page. */
export interface Refusal {
  readonly refused: HistoryFileProblem | "plain http" | "deleted" | "not written";
  /** The same in English, with details. */
  readonly why: string;
}

/** A result, or why there is none. */
export type Answer<T> = { readonly value: T } | Refusal;

/** An error that the user should see. */
export interface Problem {
  /** Whether data that should have been deleted may still exist. */
  readonly kind: "not deleted" | "other";
  /** In English. */
  readonly why: string;
}

/** Every request of the page, with its parameters and its result. */
export interface Requests {
  readonly open: {
    /** `engine` makes all lists if it passes; null: the fastest ones. `language` is that of reasons and answers. */
    readonly params: {
      readonly base: string;
      readonly target: string;
      readonly engine: string | null;
      readonly language: string;
    };
    readonly result: null;
  };
  /** Give reasons and answers in another language; what was said in the one before is forgotten. */
  readonly setLanguage: { readonly params: { readonly language: string }; readonly result: null };
  readonly addEvent: { readonly params: { readonly itemId: string; readonly event: EventName }; readonly result: null };
  /** Show an item again that was hidden. */
  readonly unhide: { readonly params: { readonly itemId: string }; readonly result: null };
  readonly removeEvents: { readonly params: { readonly ids: readonly number[] }; readonly result: null };
  readonly setDiversity: { readonly params: { readonly diversity: number }; readonly result: null };
  /** Switch learning from the history, and the use of what was learned, on or off. */
  readonly setLearning: { readonly params: { readonly on: boolean }; readonly result: null };
  /** Null if the release in use does not learn. */
  readonly rounds: { readonly params: { readonly action: RoundsAction }; readonly result: RoundsView | null };
  readonly search: { readonly params: { readonly text: string }; readonly result: readonly Hit[] };
  readonly picture: { readonly params: { readonly row: number }; readonly result: string | null };
  readonly why: { readonly params: { readonly row: number }; readonly result: Why | null };
  /** Say reasons in another manner; the one that is chosen most often becomes the usual one. */
  readonly setManner: { readonly params: Manner; readonly result: null };
  /** Load what sentences need. */
  readonly listen: { readonly params: null; readonly result: Examples };
  readonly say: { readonly params: { readonly text: string }; readonly result: null };
  /** Take back one thing that was said, or, with null, the last sentence. */
  readonly takeBack: { readonly params: { readonly chip: string | null }; readonly result: null };
  /** The history as a file, encrypted if there is a passphrase. */
  readonly exportHistory: { readonly params: { readonly passphrase: string | null }; readonly result: Answer<Bytes> };
  /** Add the events of a file; the result is how many were new. */
  readonly importHistory: {
    readonly params: { readonly file: Bytes; readonly passphrase: string | null };
    readonly result: Answer<number>;
  };
  /** Write the list that is shown as one text (`listText`), or end it and delete it. */
  readonly writeList: { readonly params: { readonly on: boolean }; readonly result: null };
  readonly deleteData: { readonly params: null; readonly result: null };
  readonly checkUpdate: { readonly params: null; readonly result: null };
  readonly useUpdate: { readonly params: null; readonly result: null };
  readonly profile: { readonly params: null; readonly result: Profile | null };
}

export type RequestName = keyof Requests;

/** A request as it is posted to the worker. */
export interface RequestMessage<K extends RequestName = RequestName> {
  readonly id: number;
  readonly request: K;
  readonly params: Requests[K]["params"];
}

/** State that the worker publishes whenever it changes; the page keeps the latest value of each. */
export interface Notifications {
  readonly opening: Opening;
  readonly recommendations: RecommendationList;
  readonly history: UserHistory;
  /** Null if nothing was said. */
  readonly talk: TalkView | null;
  /** From 0, the most precise list, to 1, the most diverse one. */
  readonly diversity: number;
  readonly engines: readonly Candidate[];
  readonly update: Update;
  /** Null before a release is open. */
  readonly signing: Signing | null;
  readonly language: Language;
  /** Null if there is none. */
  readonly listText: ListTextView | null;
  readonly userData: UserData;
  /** Null if the release in use does not learn, or it is not known yet. */
  readonly learning: LearningStatus | null;
  readonly timings: readonly Timing[];
  /** The share of a running profile that is done; null if none is running. */
  readonly profiling: number | null;
  readonly traffic: Traffic;
  /** An error that the user should see, such as a rejected file; null when there is none. */
  readonly problem: Problem | null;
}

export type NotificationName = keyof Notifications;

/** A notification as the worker posts it. */
export interface NotificationMessage<K extends NotificationName = NotificationName> {
  readonly notification: K;
  readonly value: Notifications[K];
}

/** A message from the worker. */
export type Message =
  | { readonly responseTo: number; readonly result: unknown }
  | { readonly responseTo: number; readonly error: Problem }
  | { [K in NotificationName]: NotificationMessage<K> }[NotificationName];

export type Notify = <K extends NotificationName>(name: K, value: Notifications[K]) => void;
