/** Which target paths a delegated role is trusted with. */

import type { SignatureCrypto } from "./crypto";
import type { DelegatedRole } from "./metadata";

/** Whether a role is trusted with a target path. */
export async function isCovered(path: string, role: DelegatedRole, crypto: SignatureCrypto): Promise<boolean> {
  if (role.prefixes !== null) {
    const digest = await crypto.sha256(new TextEncoder().encode(path));
    return role.prefixes.some((prefix) => digest.startsWith(prefix));
  }
  return (role.paths ?? []).some((pattern) => pathMatches(path, pattern));
}

/** Whether a path matches a pattern of `*` and `?`, which do not match a slash. */
export function pathMatches(path: string, pattern: string): boolean {
  const [parts, patterns] = [path.split("/"), pattern.split("/")];
  return parts.length === patterns.length && parts.every((part, at) => partMatches(part, patterns[at] ?? ""));
}

/** Greedy, going back to the last asterisk only, so that no pattern takes long. */
function partMatches(part: string, pattern: string): boolean {
  const [chars, wild] = [Array.from(part), Array.from(pattern)];
  let [at, inPattern, star, from] = [0, 0, -1, 0];
  while (at < chars.length) {
    if (inPattern < wild.length && wild[inPattern] === "*") {
      star = inPattern;
      from = at;
      inPattern += 1;
    } else if (inPattern < wild.length && (wild[inPattern] === "?" || wild[inPattern] === chars[at])) {
      at += 1;
      inPattern += 1;
    } else if (star >= 0) {
      from += 1;
      at = from;
      inPattern = star + 1;
    } else {
      return false;
    }
  }
  return wild.slice(inPattern).every((char) => char === "*");
}
