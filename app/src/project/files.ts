/**
 * Files in and out of the page: choosing, dropping, reading, saving. Owns the platform's
 * dialogs and their absence; what is in a file is the captions worker's business.
 */
const BYTES_MAX = 64 * 1024 * 1024

export interface OpenedFile {
  readonly name: string
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** Throws one line for a person. */
export async function readFile(file: File): Promise<OpenedFile> {
  if (file.size > BYTES_MAX) {
    throw new Error(`${file.name} is too large to be captions (the limit is 64 MB).`)
  }
  if (file.size === 0) throw new Error(`${file.name} is empty.`)
  try {
    return { name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) }
  } catch {
    throw new Error(`${file.name} could not be read.`)
  }
}

/** Null when the person closed the dialog. Works in every browser; must follow a user action. */
export function chooseFile(): Promise<File | null> {
  return new Promise((resolve) => {
    const input = document.createElement('input')
    input.type = 'file'
    input.accept = '.srt,.vtt,text/vtt,application/x-subrip'
    input.addEventListener('change', () => resolve(input.files?.[0] ?? null), { once: true })
    input.addEventListener('cancel', () => resolve(null), { once: true })
    input.click()
  })
}

export type SaveTarget = FileSystemFileHandle | null

interface SavePicker {
  showSaveFilePicker?(options: {
    suggestedName: string
    types: { description: string; accept: Record<string, string[]> }[]
  }): Promise<FileSystemFileHandle>
}

export type Saved =
  | { readonly kind: 'written'; readonly target: FileSystemFileHandle; readonly name: string }
  | { readonly kind: 'downloaded'; readonly name: string }
  | { readonly kind: 'cancelled' }

/** Asks for the place first (the dialog needs the user's key press), then for the bytes. */
export async function saveFile(
  name: string,
  target: SaveTarget,
  bytes: () => Promise<Uint8Array<ArrayBuffer>>,
): Promise<Saved> {
  const picker = globalThis as SavePicker
  if (!target && !picker.showSaveFilePicker) {
    downloadBytes(name, await bytes())
    return { kind: 'downloaded', name }
  }
  try {
    target ??= (await picker.showSaveFilePicker?.({
      suggestedName: name,
      types: [{ description: 'Captions', accept: { 'text/plain': [extension(name)] } }],
    })) as FileSystemFileHandle
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') return { kind: 'cancelled' }
    downloadBytes(name, await bytes())
    return { kind: 'downloaded', name }
  }
  // The platform writes to a temporary file and swaps it in on close.
  const content = await bytes()
  const stream = await target.createWritable()
  try {
    await stream.write(content)
  } catch (error) {
    await stream.abort().catch(() => undefined)
    throw error
  }
  await stream.close()
  return { kind: 'written', target, name: target.name }
}

const extension = (name: string): `.${string}` => `.${name.split('.').pop() || 'srt'}`

function downloadBytes(name: string, bytes: Uint8Array<ArrayBuffer>): void {
  const url = URL.createObjectURL(new Blob([bytes], { type: 'application/octet-stream' }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
