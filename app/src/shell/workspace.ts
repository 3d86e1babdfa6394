/**
 * Opening, saving, autosaving and restoring: what connects the editor to files, IndexedDB and
 * other tabs. Owns the current project's seat and its version; no React.
 * Read next: editor.ts, ../project/*.
 */
import type { CaptionFormat, CaptionsApi } from 'nearfield'
import { reason } from '../assist/model'
import type { CaptionDocument } from '../document/cue'
import { createDocument, toCaptionCue } from '../document/cue'
import { plural, savableText } from '../document/format'
import { createStore } from '../document/store'
import { isMedia } from '../jobs/media'
import { Autosave } from '../project/autosave'
import type { OpenedFile, SaveTarget } from '../project/files'
import { chooseFile, readFile, saveFile } from '../project/files'
import type { ProjectHead, Projects } from '../project/store'
import type { Seat } from '../project/tabs'
import { takeSeat } from '../project/tabs'
import type { Editor, Project } from './editor'

type Stored = NonNullable<Awaited<ReturnType<Projects['load']>>>

export interface WorkspaceState {
  readonly opening: boolean
  readonly recent: readonly ProjectHead[]
}

export class Workspace {
  readonly store = createStore<WorkspaceState>({ opening: true, recent: [] })
  readonly #editor: Editor
  readonly #captions: CaptionsApi
  readonly #projects: Projects
  readonly #autosave: Autosave<{ project: Project; document: CaptionDocument }>
  /** Set by the shell: a video or sound was given where captions may be. */
  onMedia: (file: File) => void = () => undefined
  #seat: Seat | null = null
  #target: SaveTarget = null
  #version = 0
  #opening = 0

  constructor(editor: Editor, captions: CaptionsApi, projects: Projects) {
    this.#editor = editor
    this.#captions = captions
    this.#projects = projects
    this.#autosave = new Autosave(
      ({ project, document }) => this.#put(project, document),
      (save, error) => {
        editor.store.set({ save })
        if (save === 'failed') {
          editor.notify('error', `Not saved in this browser: ${reason(error)} Save to a file.`)
        }
      },
    )
    editor.onDocument = (document) => {
      const { project, readOnly } = editor.store.get()
      if (project && !readOnly) this.#autosave.change({ project, document })
    }
  }

  /** On load: the project worked on last, if there is one. */
  async restore(): Promise<void> {
    try {
      const recent = await this.#projects.list()
      this.store.set({ recent })
      const last = recent[0]
      if (last && sessionStorage.getItem('nearfield/closed') !== '1') await this.reopen(last.id)
    } catch {
      // Private windows of some browsers have no IndexedDB: the editor works, autosave says so.
    } finally {
      this.store.set({ opening: false })
    }
  }

  async choose(): Promise<void> {
    const file = await chooseFile()
    if (file) await this.openFile(file)
  }

  async openFile(file: File): Promise<void> {
    if (isMedia(file)) return this.onMedia(file)
    try {
      await this.open(await readFile(file))
    } catch (error) {
      this.#editor.notify('error', reason(error))
    }
  }

  async openSample(): Promise<void> {
    try {
      const reply = await fetch(`${import.meta.env.BASE_URL}sample.srt`)
      if (!reply.ok) throw new Error('The sample could not be fetched.')
      await this.open({ name: 'sample.srt', bytes: new Uint8Array(await reply.arrayBuffer()) })
    } catch (error) {
      this.#editor.notify('error', reason(error))
    }
  }

  async open({ name, bytes }: OpenedFile): Promise<void> {
    this.#opening += 1
    const mine = this.#opening
    this.store.set({ opening: true })
    try {
      const file = await this.#captions.parse(bytes)
      if (mine !== this.#opening) return
      const document = createDocument(file.format, file.cues)
      const { format, warnings } = file
      const project = await this.#showNew({ name, format, original: bytes, warnings }, document)
      const warned = file.warnings.length
      const words = `${name} opened: ${plural(file.cues.length, 'cue')}`
      if (warned > 0) this.#editor.notify('info', `${words}, ${plural(warned, 'odd place')} kept.`)
      else this.#editor.announce(words)
      await this.#create(project, document)
    } catch (error) {
      if (mine === this.#opening) {
        this.#editor.notify('error', `${name} was not opened: ${reason(error)}`)
      }
    } finally {
      if (mine === this.#opening) this.store.set({ opening: false })
    }
  }

  /** A document without cues, for those that come. False when another file was opened instead. */
  async createEmpty(name: string, format: CaptionFormat): Promise<boolean> {
    this.#opening += 1
    const mine = this.#opening
    const document = createDocument(format, [])
    const project = await this.#showNew({ name, format, original: null, warnings: [] }, document)
    await this.#create(project, document)
    if (mine !== this.#opening) return false
    this.store.set({ opening: false })
    return true
  }

  async #showNew(
    file: Pick<Project, 'name' | 'format' | 'original' | 'warnings'>,
    document: CaptionDocument,
  ): Promise<Project> {
    await this.#leave()
    const project: Project = {
      id: crypto.randomUUID(),
      ...file,
      video: null,
      part: null,
      job: null,
    }
    this.#target = null
    this.#version = 0
    this.#seat = await takeSeat(project.id, () => undefined)
    this.#editor.show(project, document, false)
    sessionStorage.removeItem('nearfield/closed')
    return project
  }

  /** Kept with the project, in the same write as the cues as they are now. */
  remember(facts: Partial<Pick<Project, 'video' | 'part' | 'job'>>): void {
    const { project, history, readOnly } = this.#editor.store.get()
    if (!project || !history || readOnly) return
    const changed = { ...project, ...facts }
    this.#editor.store.set({ project: changed })
    this.#autosave.change({ project: changed, document: history.present })
  }

  /** A project kept in this browser. Read-only while another tab has it. */
  async reopen(id: string): Promise<void> {
    try {
      if (await this.#reopen(id)) return
      this.store.set({ recent: await this.#projects.list() })
      this.#editor.notify('error', 'That file is no longer kept in this browser.')
    } catch (error) {
      this.#editor.notify('error', `The file kept in this browser was not read: ${reason(error)}`)
    }
  }

  /** False when there is no such project. */
  async #reopen(id: string): Promise<boolean> {
    this.#opening += 1
    const mine = this.#opening
    const known = await this.#projects.load(id)
    if (mine !== this.#opening) return true
    if (!known) return false
    await this.#leave()
    const seat = await takeSeat(id, () => void this.#promote(id))
    // Loaded again: the tab that had it may have saved in the meantime.
    const stored = await this.#projects.load(id)
    if (!stored || mine !== this.#opening) {
      seat.release()
      return stored !== null
    }
    this.#seat = seat
    this.#target = null
    this.#show(stored, !seat.writer)
    sessionStorage.removeItem('nearfield/closed')
    if (!seat.writer) this.#editor.announce('Read only: this project is open in another tab.')
    return true
  }

  /** The tab that wrote is gone: what it saved last is ours to go on with. */
  async #promote(id: string): Promise<void> {
    const stored = await this.#projects.load(id)
    if (!stored || this.#editor.store.get().project?.id !== id) return
    this.#show(stored, false)
    this.#editor.notify('info', 'The other tab has closed: you can edit here now.')
  }

  #show(stored: Stored, readOnly: boolean): void {
    this.#version = stored.version
    const { id, name, format, original, warnings } = stored
    const { video = null, part = null, job = null } = stored
    const document = createDocument(format, stored.cues)
    const project = { id, name, format, original, warnings, video, part, job }
    this.#editor.show(project, document, readOnly)
  }

  /** Back to the start; the project stays in this browser. */
  async close(): Promise<void> {
    await this.#leave()
    this.#editor.close()
    sessionStorage.setItem('nearfield/closed', '1')
    this.store.set({ recent: await this.#projects.list().catch(() => []) })
    setTimeout(() => this.#editor.focus.get('start')?.())
    this.#editor.announce('Closed. It stays in this browser under Recent.')
  }

  async save(elsewhere = false): Promise<void> {
    const { project, history } = this.#editor.store.get()
    if (!project || !history) return
    try {
      const saved = await saveFile(project.name, elsewhere ? null : this.#target, () =>
        this.bytes(project, history.present),
      )
      if (saved.kind === 'cancelled') return
      if (saved.kind === 'written') this.#target = saved.target
      this.#editor.notify('info', `Saved as ${saved.name}.`)
    } catch (error) {
      this.#editor.notify('error', `${project.name} was not saved: ${reason(error)}`)
    }
  }

  /** What a save would write; what was not changed is the opened file's, byte for byte. */
  async bytes(project: Project, document: CaptionDocument): Promise<Uint8Array<ArrayBuffer>> {
    const cues = document.cues.map((cue) => ({
      ...toCaptionCue(cue),
      text: savableText(cue.text, document.format),
    }))
    const bytes = await this.#captions.write(project.original, cues, document.format)
    return new Uint8Array(bytes)
  }

  /** The page is being left: write what is waiting. */
  flush(): Promise<void> {
    return this.#autosave.flush()
  }

  async #leave(): Promise<void> {
    await this.#autosave.flush()
    this.#autosave.drop()
    this.#seat?.release()
    this.#seat = null
  }

  #head(project: Project, cueCount: number): ProjectHead {
    const { id, name, format, video, part, job } = project
    const kept = { id, name, format, video, part, job }
    return { ...kept, cueCount, savedAt: Date.now(), version: this.#version }
  }

  async #create(project: Project, document: CaptionDocument): Promise<void> {
    const { id, original, warnings } = project
    const { cues } = document
    const { store } = this.#editor
    store.set({ save: 'saving' })
    try {
      await this.#projects.create(
        this.#head(project, cues.length),
        { id, original, warnings },
        { id, cues },
      )
      if (store.get().save === 'saving') store.set({ save: 'saved' })
    } catch (error) {
      this.#editor.store.set({ save: 'failed' })
      this.#editor.notify('error', `Not kept in this browser: ${reason(error)} Save to a file.`)
    }
  }

  async #put(project: Project, document: CaptionDocument): Promise<void> {
    this.#version += 1
    const { cues } = document
    await this.#projects.save(this.#head(project, cues.length), { id: project.id, cues })
  }
}

export const formatName = (format: CaptionFormat): string => (format === 'srt' ? 'SRT' : 'WebVTT')
