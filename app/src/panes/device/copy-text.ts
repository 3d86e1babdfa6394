/** Text into the clipboard. Knows nothing of what it is. */

/**
 * Rejects where the browser does not let a page write there (no secure context, a policy).
 * To be called within the click itself: Safari gives the clipboard to nobody else, and takes a text
 * that comes later.
 */
export async function copyText(text: Promise<string>): Promise<void> {
  const { clipboard } = navigator
  if (typeof ClipboardItem === 'function') {
    const blob = text.then((line) => new Blob([line], { type: 'text/plain' }))
    await clipboard.write([new ClipboardItem({ 'text/plain': blob })])
  } else await clipboard.writeText(await text)
}
