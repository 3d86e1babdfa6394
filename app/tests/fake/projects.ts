/** Projects in memory, for tests of what is kept and when; IndexedDB itself is tested in Chromium. */
import type { ProjectCues, ProjectFile, ProjectHead, Projects } from '../../src/project/store'

export class MemoryProjects implements Projects {
  readonly kept = new Map<string, ProjectHead & ProjectFile & ProjectCues>()
  saves = 0
  fail: Error | null = null

  async create(head: ProjectHead, file: ProjectFile, cues: ProjectCues): Promise<void> {
    if (this.fail) throw this.fail
    this.kept.set(head.id, structuredClone({ ...head, ...file, ...cues }))
  }

  async save(head: ProjectHead, cues: ProjectCues): Promise<void> {
    if (this.fail) throw this.fail
    const old = this.kept.get(head.id)
    if (!old) throw new Error('no such project')
    this.saves += 1
    this.kept.set(head.id, structuredClone({ ...old, ...head, ...cues }))
  }

  async load(id: string) {
    return structuredClone(this.kept.get(id) ?? null)
  }

  async list(): Promise<readonly ProjectHead[]> {
    return [...this.kept.values()].sort((a, b) => b.savedAt - a.savedAt)
  }
}
