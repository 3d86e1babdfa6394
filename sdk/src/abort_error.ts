/** What ends a request that nobody wants any more, as DOM's own functions do. */
export function abortError(message = 'the request was aborted'): DOMException {
  return new DOMException(message, 'AbortError')
}
