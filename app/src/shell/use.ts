/**
 * React's view of the editor: one context and selectors over its stores. Owns no state.
 * A selector must return a value that is equal (Object.is) while nothing it names has changed.
 */
import type { LintFinding } from 'nearfield'
import { createContext, useContext, useMemo, useSyncExternalStore } from 'react'
import type { AssistState } from '../assist/assist'
import type { ModelState, ModelStore } from '../assist/model'
import type { ChecksState } from '../document/checks'
import type { Store } from '../document/store'
import type { Jobs, JobsState } from '../jobs/jobs'
import type { Actions } from './actions'
import type { Editor, EditorState } from './editor'
import { shownFindings } from './editor'
import type { Workspace, WorkspaceState } from './workspace'

export interface App {
  readonly editor: Editor
  readonly workspace: Workspace
  readonly jobs: Jobs
  readonly actions: Actions
}

export const AppContext = createContext<App | null>(null)

export function useApp(): App {
  const app = useContext(AppContext)
  if (!app) throw new Error('No AppContext above this component')
  return app
}

export function useStore<T extends object, R>(store: Store<T>, select: (state: T) => R): R {
  return useSyncExternalStore(store.subscribe, () => select(store.get()))
}

export const useEditor = <R>(select: (state: EditorState) => R): R =>
  useStore(useApp().editor.store, select)

export const useAssist = <R>(select: (state: AssistState) => R): R =>
  useStore(useApp().editor.assist.store, select)

export const useChecks = <R>(select: (state: ChecksState) => R): R =>
  useStore(useApp().editor.checks.store, select)

/** What the problems list, the tabs and F8 go by. */
export function useFindings(): readonly LintFinding[] {
  const findings = useChecks((state) => state.findings)
  const showGaps = useEditor((state) => state.showGaps)
  return useMemo(() => shownFindings(findings, showGaps), [findings, showGaps])
}

export const useModel = (): ModelState =>
  useStore(useApp().editor.model.store, (value) => value.state)

export const useModelStore = <R>(select: (store: ModelStore) => R): R =>
  useStore(useApp().editor.model.store, select)

export const useJobs = <R>(select: (state: JobsState) => R): R =>
  useStore(useApp().jobs.store, select)

export const useWorkspace = <R>(select: (state: WorkspaceState) => R): R =>
  useStore(useApp().workspace.store, select)
