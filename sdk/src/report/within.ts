/** A report is made where something is wrong: nothing in it is waited for without an end. */

const MOST_MS = 2000

/** What it resolves to, or a line that says why there is nothing. */
export async function within<T>(work: () => Promise<T>, ms = MOST_MS): Promise<T | string> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, ms, `no answer within ${ms / 1000} s`)
  })
  try {
    return await Promise.race([work(), late])
  } catch (error) {
    return `failed: ${error instanceof Error ? `${error.name}: ${error.message}` : error}`
  } finally {
    clearTimeout(timer)
  }
}
