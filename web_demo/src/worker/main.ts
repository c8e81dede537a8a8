/** The worker's door: questions in, answers and tells out. Everything but drawing happens behind it. */

import { messageOf } from "../runtime/errors";
import { watchTraffic } from "../runtime/traffic";
import type { AskName, Asks, Message, Question, Tell } from "./protocol";
import { Session } from "./session";

const post = (message: Message) => self.postMessage(message);
const tell: Tell = (name, value) => post({ tell: name, value } as Message);

watchTraffic((traffic) => tell("traffic", traffic));

let session: Promise<Session> | null = null;

function begun(): Promise<Session> {
  if (session === null) throw new Error("the page has asked for something before it asked to open");
  return session;
}

type Answers = { [K in AskName]: (question: Asks[K]["question"]) => Promise<Asks[K]["answer"]> };

const answers: Answers = {
  open: async ({ base, target }) => {
    const before = session;
    session = Session.begin(base, target, tell);
    await (await before)?.close();
    await (await session).open();
    return null;
  },
  mark: async ({ itemId, event }) => done((await begun()).mark(itemId, event)),
  unmark: async ({ ids }) => done((await begun()).unmark(ids)),
  vary: async ({ variety }) => done((await begun()).vary(variety)),
  search: async ({ text }) => (await begun()).search(text),
  picture: async ({ row }) => (await begun()).picture(row),
  why: async ({ row }) => (await begun()).why(row),
  forget: async () => done((await begun()).forget()),
  checkUpdate: async () => done((await begun()).checkUpdate()),
  useUpdate: async () => done((await begun()).useUpdate()),
};

async function done(work: Promise<void>): Promise<null> {
  await work;
  return null;
}

async function answer<K extends AskName>(ask: K, question: Asks[K]["question"]): Promise<Asks[K]["answer"]> {
  return answers[ask](question);
}

self.addEventListener("message", ({ data }: MessageEvent<Question>) => {
  answer(data.ask, data.question).then(
    (value) => post({ answerTo: data.id, answer: value }),
    (error: unknown) => post({ answerTo: data.id, error: messageOf(error) }),
  );
});
