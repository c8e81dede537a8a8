/** The worker's entry point: handles the page's requests and publishes notifications. */

import { watchTraffic } from "../runtime/traffic";
import { beginSession } from "./begin";
import { problemOf } from "./problem";
import type { Message, NotificationMessage, Notify, RequestMessage, RequestName, Requests } from "./protocol";
import type { Session } from "./session";

const post = (message: Message) => self.postMessage(message);
const notify: Notify = (name, value) => self.postMessage({ notification: name, value } satisfies NotificationMessage);

watchTraffic((traffic) => notify("traffic", traffic));

let session: Promise<Session> | null = null;

function opened(): Promise<Session> {
  if (session === null) throw new Error('the first request must be "open"');
  return session;
}

type Handlers = { [K in RequestName]: (params: Requests[K]["params"]) => Promise<Requests[K]["result"]> };

const handlers: Handlers = {
  open: async ({ base, target, engine, language }) => {
    const before = session;
    session = beginSession(base, target, engine, language, notify);
    await (await before)?.close();
    await (await session).open();
    return null;
  },
  setLanguage: async ({ language }) => done((await opened()).setLanguage(language)),
  addEvent: async ({ itemId, event }) => done((await opened()).addEvent(itemId, event)),
  unhide: async ({ itemId }) => done((await opened()).unhide(itemId)),
  removeEvents: async ({ ids }) => done((await opened()).removeEvents(ids)),
  setDiversity: async ({ diversity }) => done((await opened()).setDiversity(diversity)),
  setLearning: async ({ on }) => done((await opened()).setLearning(on)),
  rounds: async ({ action }) => (await opened()).rounds(action),
  search: async ({ text }) => (await opened()).search(text),
  picture: async ({ row }) => (await opened()).picture(row),
  why: async ({ row }) => (await opened()).why(row),
  writeList: async ({ on }) => done((await opened()).writeList(on)),
  setManner: async (manner) => done((await opened()).setManner(manner)),
  listen: async () => (await opened()).listen(),
  say: async ({ text }) => done((await opened()).say(text)),
  takeBack: async ({ chip }) => done((await opened()).takeBack(chip)),
  exportHistory: async ({ passphrase }) => (await opened()).exportHistory(passphrase),
  importHistory: async ({ file, passphrase }) => (await opened()).importHistory(file, passphrase),
  deleteData: async () => done((await opened()).deleteData()),
  checkUpdate: async () => done((await opened()).checkUpdate()),
  useUpdate: async () => done((await opened()).useUpdate()),
  profile: async () => (await opened()).profile(),
};

async function done(work: Promise<void>): Promise<null> {
  await work;
  return null;
}

async function handle<K extends RequestName>(name: K, params: Requests[K]["params"]): Promise<Requests[K]["result"]> {
  return handlers[name](params);
}

self.addEventListener("message", ({ data }: MessageEvent<RequestMessage>) => {
  handle(data.request, data.params).then(
    (result) => post({ responseTo: data.id, result }),
    (error: unknown) => post({ responseTo: data.id, error: problemOf(error) }),
  );
});
