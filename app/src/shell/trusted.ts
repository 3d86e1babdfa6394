/**
 * Under "require-trusted-types-for 'script'" a worker's address must be trusted. The page's one
 * policy trusts scripts of its own origin and nothing else: no HTML, no inline script.
 */
interface PolicyFactory {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): unknown
}

export function trustedScriptUrl(url: string, base: string): string {
  const { origin, href } = new URL(url, base)
  if (origin !== new URL(base).origin) throw new TypeError(`not a script of this site: ${url}`)
  return href
}

/** The name 'default' lets plain `new Worker(new URL(...))` pass through it. */
export function allowOwnWorkers(): void {
  const { trustedTypes } = globalThis as { trustedTypes?: PolicyFactory }
  trustedTypes?.createPolicy('default', {
    createScriptURL: (url) => trustedScriptUrl(url, document.baseURI),
  })
}
