/**
 * Language tags as the drafts treat them, for a model that has English only, and the attributes
 * that tell of them. Owns both; which of them a class takes is its own.
 */

/** Canonical, each once. Throws a RangeError for what is no BCP 47 tag. */
export const canonicalTags = (tags: readonly string[] = []): string[] =>
  Intl.getCanonicalLocales([...tags])

/** BCP 47 tags that a class is asked to serve; English alone is served. */
export interface LanguageOptions {
  expectedInputLanguages?: readonly string[]
  expectedContextLanguages?: readonly string[]
  outputLanguage?: string
}
/** The same, canonical, as attributes of an object. */
export interface Languages {
  readonly expectedInputLanguages?: ReadonlyArray<string>
  readonly expectedContextLanguages?: ReadonlyArray<string>
  readonly outputLanguage?: string
}

/** Frozen, and without those that were not given. Throws a RangeError as canonicalTags does. */
export function canonicalLanguages(options: LanguageOptions): Languages {
  const input = canonicalTags(options.expectedInputLanguages)
  const context = canonicalTags(options.expectedContextLanguages)
  const [output] = canonicalTags(
    options.outputLanguage === undefined ? [] : [options.outputLanguage],
  )
  return {
    ...(input.length > 0 && { expectedInputLanguages: Object.freeze(input) }),
    ...(context.length > 0 && { expectedContextLanguages: Object.freeze(context) }),
    ...(output !== undefined && { outputLanguage: output }),
  }
}

const ATTRIBUTES = ['expectedInputLanguages', 'expectedContextLanguages', 'outputLanguage'] as const

/**
 * The three attributes, on the prototype as in the drafts. Defined by hand: @types/dom-chromium-ai
 * has them optional, and a getter cannot be.
 */
export abstract class Spoken implements Languages {
  /** Canonical, frozen; undefined where none was given. */
  declare readonly expectedInputLanguages?: ReadonlyArray<string>
  /** Canonical, frozen; undefined where none was given. */
  declare readonly expectedContextLanguages?: ReadonlyArray<string>
  /** Canonical; undefined where none was given. */
  declare readonly outputLanguage?: string
  readonly #languages: Languages

  protected constructor(languages: Languages) {
    this.#languages = languages
  }

  static {
    for (const name of ATTRIBUTES) {
      Object.defineProperty(Spoken.prototype, name, {
        get(this: Spoken) {
          return this.#languages[name]
        },
        enumerable: true,
        configurable: true,
      })
    }
  }
}

export const isEnglish = (tag: string) => new Intl.Locale(tag).language === 'en'

/** '': all are English; else a line that says so. */
export function servedLanguages(languages: Languages): string {
  const { expectedInputLanguages = [], expectedContextLanguages = [], outputLanguage } = languages
  const tags = [...expectedInputLanguages, ...expectedContextLanguages]
  if (outputLanguage !== undefined) tags.push(outputLanguage)
  const other = tags.find((tag) => !isEnglish(tag))
  return other === undefined ? '' : `the model has English only, not '${other}'`
}
