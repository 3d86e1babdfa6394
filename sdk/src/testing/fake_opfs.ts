/**
 * The browser's private file system in memory, as much of it as the SDK uses, with limits and
 * faults on demand. Files survive their handles, as they do a tab. For tests only.
 */

export class FakeOpfs {
  files = new Map<string, Uint8Array<ArrayBuffer>>()
  /** Writes beyond this many bytes in all throw QuotaExceededError. */
  quota = Number.POSITIVE_INFINITY
  /** Does this browser know of handles that share a file? */
  sharing = false
  /** Files held by handles that nobody shares. */
  open = new Set<string>()
  /** Files held by handles that share: how many. */
  shared = new Map<string, number>()
  /** When a file was written last, counted in writes. */
  times = new Map<string, number>()

  used(): number {
    return [...this.files.values()].reduce((n, file) => n + file.length, 0)
  }

  directory(path = ''): FileSystemDirectoryHandle {
    const missing = () => new DOMException('not there', 'NotFoundError')
    const fake = {
      getDirectoryHandle: async (name: string, options?: { create?: boolean }) => {
        const inside = `${path}${name}/`
        const known = [...this.files.keys()].some((file) => file.startsWith(inside))
        if (!known && !options?.create) throw missing()
        return this.directory(inside)
      },
      getFileHandle: async (name: string, options?: { create?: boolean }) => {
        const file = `${path}${name}`
        if (!this.files.has(file)) {
          if (!options?.create) throw missing()
          this.files.set(file, new Uint8Array(0))
        }
        return this.#file(file)
      },
      removeEntry: async (name: string) => {
        const inside = (file: string) =>
          file === `${path}${name}` || file.startsWith(`${path}${name}/`)
        if ([...this.open, ...this.shared.keys()].some(inside)) {
          throw new DOMException('held', 'NoModificationAllowedError')
        }
        for (const file of [...this.files.keys()]) if (inside(file)) this.files.delete(file)
      },
      keys: async function* (this: FakeOpfs) {
        const inside = [...this.files.keys()].filter((file) => file.startsWith(path))
        yield* new Set(inside.map((file) => file.slice(path.length).split('/')[0]!))
      }.bind(this),
      values: async function* (this: FakeOpfs) {
        const folders = new Set<string>()
        for (const file of [...this.files.keys()]) {
          if (!file.startsWith(path)) continue
          const [name = '', ...rest] = file.slice(path.length).split('/')
          if (rest.length === 0) yield this.#file(file)
          else if (!folders.has(name)) {
            folders.add(name)
            yield { ...this.directory(`${path}${name}/`), kind: 'directory', name }
          }
        }
      }.bind(this),
    }
    return fake as unknown as FileSystemDirectoryHandle
  }

  write(file: string, bytes: Uint8Array, at: number): number {
    const old = this.files.get(file) ?? new Uint8Array(0)
    const grown = Math.max(old.length, at + bytes.length)
    if (this.used() - old.length + grown > this.quota)
      throw new DOMException('full', 'QuotaExceededError')
    const next = new Uint8Array(grown)
    next.set(old)
    next.set(bytes, at)
    this.files.set(file, next)
    this.times.set(file, this.times.size === 0 ? 1 : Math.max(...this.times.values()) + 1)
    return bytes.length
  }

  #file(file: string): unknown {
    const name = file.slice(file.lastIndexOf('/') + 1)
    return {
      kind: 'file',
      name,
      getFile: async () =>
        new File([this.files.get(file)!], name, { lastModified: this.times.get(file) ?? 0 }),
      createWritable: async () => ({
        write: async (text: string) => {
          this.files.set(file, new Uint8Array(0))
          this.write(file, new TextEncoder().encode(text), 0)
        },
        close: async () => {},
      }),
      createSyncAccessHandle: async (options?: { mode?: string }) => {
        const sharing = this.sharing && options?.mode === 'readwrite-unsafe'
        const holders = this.shared.get(file) ?? 0
        if (this.open.has(file) || (!sharing && holders > 0)) {
          throw new DOMException('held', 'NoModificationAllowedError')
        }
        if (sharing) this.shared.set(file, holders + 1)
        else this.open.add(file)
        const close = () => {
          const left = (this.shared.get(file) ?? 0) - 1
          if (!sharing) this.open.delete(file)
          else if (left === 0) this.shared.delete(file)
          else this.shared.set(file, left)
        }
        return {
          read: (into: Uint8Array, { at }: { at: number }) => {
            const part = this.files.get(file)!.subarray(at, at + into.length)
            into.set(part)
            return part.length
          },
          write: ({ buffer, byteOffset, byteLength }: ArrayBufferView, { at }: { at: number }) =>
            this.write(file, new Uint8Array(buffer, byteOffset, byteLength), at),
          truncate: (size: number) => {
            this.files.set(file, (this.files.get(file) ?? new Uint8Array(0)).slice(0, size))
          },
          flush: () => {},
          close,
        }
      },
    }
  }
}
