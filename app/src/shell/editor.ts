/**
 * The editor without its face: one project, its history, the cue in hand, suggestions taken or
 * left. Owns how the parts below it (document, project, assist) work together; no React, no DOM.
 * Read next: workspace.ts (files and autosave), actions.ts (what a key or button calls).
 */
import type { CaptionFile, CaptionFormat, EditRequest, LintFinding, Task } from 'nearfield'
import type { BatchItem } from '../assist/assist'
import { Assist } from '../assist/assist'
import type { Engine } from '../assist/engine'
import { Model } from '../assist/model'
import { TASKS } from '../assist/tasks'
import type { Checks } from '../document/checks'
import { createChecks } from '../document/checks'
import type { Command, TextEdit } from '../document/commands'
import { deleteCommand, mergeCommand, splitCommand, timesProblem } from '../document/commands'
import type { CaptionDocument, Cue, CueId } from '../document/cue'
import { cueById, neighbour } from '../document/cue'
import { plural } from '../document/format'
import type { History, Moved } from '../document/history'
import {
  commit,
  createHistory,
  grow,
  hasGrowing,
  redo,
  seal,
  settle,
  stopGrowing,
  type,
  undo,
} from '../document/history'
import { limitsFor } from '../document/profile'
import { createStore } from '../document/store'
import { takeChange, wordDiff } from '../document/worddiff'
import type { SaveState } from '../project/autosave'
import type { KeptJob, PartSent, RemoteVideo } from '../project/store'

export interface Project {
  readonly id: string
  readonly name: string
  readonly format: CaptionFormat
  readonly original: Uint8Array | null
  readonly warnings: CaptionFile['warnings']
  readonly video: RemoteVideo | null
  readonly part: PartSent | null
  readonly job: KeptJob | null
}

export type Panel = 'cues' | 'problems' | 'review' | 'receipts'
export type Region = 'list' | 'text' | 'times' | 'suggestion' | 'panel' | 'start'

/** An object, so that the same words said again stand their time again. */
export interface Note {
  readonly text: string
}

export interface EditorState {
  readonly project: Project | null
  readonly history: History | null
  readonly activeId: CueId | null
  readonly panel: Panel
  readonly save: SaveState
  readonly readOnly: boolean
  /** What just happened; goes by itself. */
  readonly note: Note | null
  /** What went wrong last; stays until it is dismissed or another file is opened. */
  readonly trouble: string | null
  /** Gaps between cues are many in most files and no matter of text: listed when asked for. */
  readonly showGaps: boolean
  /** The page was asked for with ?debug: receipts are listed. */
  readonly debug: boolean
}

const PREFETCHED = 4

export class Editor {
  readonly store = createStore<EditorState>({
    project: null,
    history: null,
    activeId: null,
    panel: 'cues',
    save: 'saved',
    readOnly: false,
    note: null,
    trouble: null,
    showGaps: false,
    debug: false,
  })
  /** What a screen reader should hear next; `n` rises so that a repeated text is heard too. */
  readonly voice = createStore({ text: '', n: 0 })
  readonly model: Model
  readonly assist: Assist
  readonly checks: Checks
  /** Set by the workspace: every new document value, and the one before it. */
  onDocument: (document: CaptionDocument) => void = () => undefined
  /** Set by the components: moves the keyboard focus. */
  readonly focus = new Map<Region, () => void>()

  constructor(engine: Engine) {
    this.model = new Model(engine)
    this.assist = new Assist(this.model, {
      request: (id, task) => this.#request(id, task),
      announce: (text) => this.announce(text),
      note: (text) => this.notify('info', text),
      fail: (text) => this.notify('error', text),
    })
    let before = this.model.state.kind
    this.model.store.subscribe(() => {
      const { kind } = this.model.state
      if (kind === 'ready' && before === 'opening') this.announce('The model is ready')
      before = kind
    })
    this.checks = createChecks(engine.captions, (error) => {
      this.notify('error', error instanceof Error ? error.message : 'The captions worker stopped.')
    })
  }

  get document(): CaptionDocument | null {
    return this.store.get().history?.present ?? null
  }

  get active(): Cue | undefined {
    const { history, activeId } = this.store.get()
    return history ? cueById(history.present, activeId) : undefined
  }

  // ---- project ------------------------------------------------------------------

  show(project: Project, document: CaptionDocument, readOnly: boolean): void {
    this.assist.reset()
    this.store.set({
      project,
      history: createHistory(document),
      activeId: document.cues[0]?.id ?? null,
      panel: 'cues',
      save: 'saved',
      readOnly,
      note: null,
      trouble: null,
    })
    this.checks.update(null, null)
    this.checks.update(document, null)
  }

  close(): void {
    this.assist.reset()
    this.checks.update(null, null)
    this.store.set({ project: null, history: null, activeId: null, readOnly: false, trouble: null })
  }

  // ---- document -----------------------------------------------------------------

  #advance(history: History): void {
    const previous = this.document
    if (this.store.get().history === history) return
    this.store.set({ history })
    const { present } = history
    if (present === previous) return
    this.assist.forget((id) => cueById(present, id)?.text)
    this.checks.update(present, previous)
    this.onDocument(present)
  }

  #writable(): History | null {
    const { history, readOnly } = this.store.get()
    if (readOnly) this.announce('Read only: this project is open in another tab.')
    return readOnly ? null : history
  }

  type(id: CueId, text: string): void {
    const history = this.#writable()
    if (!history) return
    this.#advance(type(history, id, text))
    this.#prefetch()
  }

  #run(command: Command | null, label: string): boolean {
    const history = this.#writable()
    if (!history || !command) return false
    const next = commit(history, command, label)
    if (next === history) return false
    this.#advance(next)
    return true
  }

  undo(): void {
    this.#move(undo, 'Undone')
  }

  redo(): void {
    this.#move(redo, 'Redone')
  }

  #move(way: (history: History) => Moved | null, word: string): void {
    const history = this.#writable()
    const moved = history && way(history)
    if (!moved) {
      if (history) this.notify('info', word === 'Undone' ? 'Nothing to undo' : 'Nothing to redo')
      return
    }
    this.#advance(moved.history)
    const { activeId } = this.store.get()
    const target =
      activeId !== null && moved.cues.includes(activeId) ? activeId : (moved.cues[0] ?? null)
    this.#setActive(target)
    this.notify('info', `${word}: ${moved.step.label}`)
  }

  split(offset: number): void {
    const { document, active } = this
    if (!document || !active) return
    if (this.#run(splitCommand(document, active.id, offset), 'Split cue')) {
      this.announce('Cue split in two')
    } else this.notify('info', 'Put the cursor where the second cue should begin.')
  }

  merge(): void {
    const { document, active } = this
    if (!document || !active) return
    if (this.#run(mergeCommand(document, active.id), 'Merge cues')) this.announce('Cues merged')
    else this.notify('info', 'There is no cue after this one.')
  }

  /** Both ends of the cue in hand. Says why when it cannot be, and changes nothing. */
  setTimes(id: CueId, startMs: number, endMs: number): boolean {
    const problem = timesProblem(startMs, endMs)
    if (problem) {
      this.notify('info', `Times not changed: ${problem}.`)
      return false
    }
    if (this.#run({ kind: 'times', id, startMs, endMs }, 'Change times')) {
      this.announce('Times changed')
    }
    return true
  }

  remove(): void {
    const { document, active } = this
    if (!document || !active) return
    const i = document.order.get(active.id) ?? 0
    if (!this.#run(deleteCommand(document, active.id), 'Delete cue')) return
    const next = this.document?.cues[Math.min(i, (this.document?.cues.length ?? 1) - 1)]
    this.#setActive(next?.id ?? null)
    this.announce('Cue deleted')
  }

  // ---- cues that arrive -----------------------------------------------------------

  get isGrowing(): boolean {
    const { history } = this.store.get()
    return history !== null && hasGrowing(history)
  }

  /** At the end, in one step with those that came before; the first in place of the last ones. */
  grow(cues: readonly Cue[], label: string, replaced: number): void {
    const history = this.#writable()
    if (!history) return
    this.#advance(grow(history, cues, label, replaced))
    this.#keepActive(0)
  }

  /** Nothing more arrives; these are the cues now. */
  settle(cues: readonly Cue[], label: string): void {
    const history = this.#writable()
    if (!history) return
    const atMs = this.active?.startMs ?? 0
    this.#advance(settle(history, cues, label))
    this.#keepActive(atMs)
  }

  stopGrowing(): void {
    const { history } = this.store.get()
    if (history) this.store.set({ history: stopGrowing(history) })
  }

  /** The cue in hand may be gone: then the last that has begun at that time. */
  #keepActive(atMs: number): void {
    const { document, active } = this
    if (!document || active) return
    const near = document.cues.findLast((cue) => cue.startMs <= atMs) ?? document.cues[0]
    this.#setActive(near?.id ?? null)
  }

  // ---- the cue in hand ----------------------------------------------------------

  /** A person chose this cue: typing ends its step, likely next edits are prepared. */
  activate(id: CueId): void {
    const { history, activeId } = this.store.get()
    if (id === activeId || !history) return
    this.store.set({ history: seal(history) })
    this.#setActive(id)
  }

  step(by: number): void {
    const { document, active } = this
    if (!document || !active) return
    const next = neighbour(document, active.id, by)
    if (next) this.activate(next.id)
  }

  #setActive(activeId: CueId | null): void {
    this.store.set({ activeId })
    this.#prefetch()
  }

  #prefetch(): void {
    const { document } = this
    const { activeId } = this.store.get()
    const i = activeId === null ? undefined : document?.order.get(activeId)
    if (!document || i === undefined || this.store.get().readOnly) return
    this.assist.prefetch(document.cues.slice(i, i + 1 + PREFETCHED).map((cue) => cue.id))
  }

  /** The next or previous cue that has a finding, around the ends. */
  nextProblem(direction: 1 | -1): void {
    const { document, active } = this
    const { findings, linted } = this.checks.store.get()
    if (!document || !linted) return
    const here = active ? (document.order.get(active.id) ?? 0) : 0
    const shown = shownFindings(findings, this.store.get().showGaps)
    const places = [...new Set(shown.map((finding) => linted.cues[finding.cue]?.id))]
      .map((id) => (id === undefined ? undefined : document.order.get(id)))
      .filter((place) => place !== undefined)
    if (places.length === 0) {
      this.notify('info', 'No problems')
      return
    }
    const next =
      direction === 1
        ? (places.find((place) => place > here) ?? places[0])
        : (places.findLast((place) => place < here) ?? places.at(-1))
    const cue = next === undefined ? undefined : document.cues[next]
    if (cue) this.activate(cue.id)
  }

  // ---- suggestions --------------------------------------------------------------

  #request(id: CueId, task: Task): EditRequest | null {
    const { document } = this
    const cue = document ? cueById(document, id) : undefined
    const i = document?.order.get(id)
    if (!document || !cue || i === undefined) return null
    const before = document.cues[i - 1]?.text
    const after = document.cues[i + 1]?.text
    const measure = this.checks.store.get().measures.get(cue.text)
    return {
      task,
      text: cue.text,
      format: document.format,
      context: { ...(before && { before }), ...(after && { after }) },
      ...limitsFor(task, cue, measure),
    }
  }

  ask(task: Task): void {
    const { active } = this
    if (active && this.#writable()) void this.assist.ask(active.id, task)
  }

  /** More versions of what is suggested for the cue in hand. */
  askMore(): void {
    const { active } = this
    if (active && this.#writable()) void this.assist.askMore(active.id)
  }

  /** Takes version i in hand, from 0; accept() then accepts that one. */
  choose(i: number): void {
    const { active } = this
    if (active) this.assist.choose(active.id, i)
  }

  /** The whole suggestion of the cue in hand. False when there is none to take. */
  accept(): boolean {
    const { active } = this
    const suggestion = active && this.assist.store.get().suggestions.get(active.id)
    if (!active || suggestion?.verdict !== 'changed' || suggestion.before !== active.text) {
      return false
    }
    const edits = [{ id: active.id, text: suggestion.after }]
    const done = this.#run({ kind: 'text', edits }, TASKS[suggestion.task].label)
    if (done) this.announce('Accepted')
    return done
  }

  /** One changed word of it; the rest stays suggested. */
  acceptChange(index: number): boolean {
    const { active } = this
    const suggestion = active && this.assist.store.get().suggestions.get(active.id)
    const history = this.#writable()
    if (!active || !suggestion || !history) return false
    const text = takeChange(active.text, wordDiff(active.text, suggestion.after), index)
    // Rebased first: otherwise the suggestion would be dropped as stale by the commit.
    this.assist.rebase(active.id, text)
    return this.#run({ kind: 'text', edits: [{ id: active.id, text }] }, 'Accept one change')
  }

  reject(): boolean {
    const { active } = this
    if (!active || !this.assist.dismiss(active.id)) return false
    this.announce('Dismissed')
    return true
  }

  /** Fix takes every cue with text, Shorten those that break a limit it can mend. */
  batch(task: Task): void {
    const { document } = this
    if (!document || !this.#writable()) return
    const cues = document.cues.filter((cue) => cue.text.trim() !== '')
    const ids = task === 'fix' ? cues.map((cue) => cue.id) : this.#tooLong(document)
    if (ids.length === 0) {
      this.notify('info', 'Every cue is within its limits already.')
      return
    }
    this.store.set({ panel: 'review' })
    void this.assist.runBatch(task, ids)
  }

  #tooLong(document: CaptionDocument): readonly CueId[] {
    const { findings, linted } = this.checks.store.get()
    const rules = new Set(['cps', 'line-length', 'line-count'])
    const ids = new Set<CueId>()
    for (const { cue, rule } of findings) {
      const id = linted?.cues[cue]?.id
      if (id !== undefined && rules.has(rule) && document.order.has(id)) ids.add(id)
    }
    return [...ids]
  }

  /** The chosen suggestions of the review list, as one undo step. */
  acceptBatch(): void {
    const { batch } = this.assist.store.get()
    if (!batch) return
    const chosen = batch.items.filter((item) => item.selected)
    const edits: TextEdit[] = chosen.map(({ cueId, after }) => ({ id: cueId, text: after }))
    const label = `${TASKS[batch.task].label} ${plural(edits.length, 'cue')}`
    if (edits.length === 0 || !this.#run({ kind: 'text', edits }, label)) return
    this.assist.closeBatch()
    this.store.set({ panel: 'cues' })
    this.notify('info', `${label}: done. Undo takes it back in one step.`)
  }

  toggle(item: BatchItem): void {
    this.assist.select((other) => (other.cueId === item.cueId ? !item.selected : other.selected))
  }

  // ---- words to the person -------------------------------------------------------

  announce(text: string): void {
    this.voice.set({ text, n: this.voice.get().n + 1 })
  }

  notify(kind: 'info' | 'error', text: string): void {
    this.store.set(kind === 'info' ? { note: { text } } : { trouble: text })
    this.announce(text)
  }
}

/** The findings a person looks at now. */
export const shownFindings = (findings: readonly LintFinding[], showGaps: boolean) =>
  showGaps ? findings : findings.filter(({ rule }) => rule !== 'gap')
