/**
 * Measures what this page sends and receives: the browser's resource timings, and the size of every request body that is
 * passed to `fetch`.
 */

export interface Traffic {
  readonly requests: number;
  /** Transferred bytes including headers; 0 for responses from the browser's cache. */
  readonly receivedBytes: number;
  /** Request bodies, and query strings in addresses. */
  readonly sentBytes: number;
  /** Requests to other origins than this page's. */
  readonly crossOrigin: number;
}

export const NO_TRAFFIC: Traffic = { requests: 0, receivedBytes: 0, sentBytes: 0, crossOrigin: 0 };

export function sumTraffic(a: Traffic, b: Traffic): Traffic {
  return {
    requests: a.requests + b.requests,
    receivedBytes: a.receivedBytes + b.receivedBytes,
    sentBytes: a.sentBytes + b.sentBytes,
    crossOrigin: a.crossOrigin + b.crossOrigin,
  };
}

/** Start measuring in this window or worker; `changed` receives the new total. */
export function watchTraffic(changed: (traffic: Traffic) => void): void {
  let sum = NO_TRAFFIC;
  const add = (more: Traffic) => {
    sum = sumTraffic(sum, more);
    changed(sum);
  };
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (entry instanceof PerformanceResourceTiming) add(trafficOf(entry));
    }
  });
  observer.observe({ type: "resource", buffered: true });
  const original = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    const body = await bodySize(input, init);
    if (body > 0) add({ ...NO_TRAFFIC, sentBytes: body });
    return original(input, init);
  };
}

function trafficOf(entry: PerformanceResourceTiming): Traffic {
  const url = new URL(entry.name, globalThis.location.href);
  // Blob and data URLs cause no network traffic.
  if (!url.protocol.startsWith("http")) return NO_TRAFFIC;
  return {
    requests: 1,
    receivedBytes: entry.transferSize,
    sentBytes: Math.max(0, url.search.length - 1),
    crossOrigin: url.origin === globalThis.location.origin ? 0 : 1,
  };
}

async function bodySize(input: RequestInfo | URL, init: RequestInit | undefined): Promise<number> {
  if (init?.body == null && !(input instanceof Request && input.body !== null)) return 0;
  const request = new Request(input instanceof Request ? input.clone() : input, init);
  return (await request.arrayBuffer()).byteLength;
}
