/** Values of an option as Web IDL reads an enumeration. Pure. */

/** Throws a TypeError for what is none of them. */
export function choice<T extends string>(
  name: string,
  values: readonly T[],
  given: T | undefined,
  otherwise: T,
): T {
  if (given === undefined) return otherwise
  if (values.includes(given)) return given
  throw new TypeError(`${name}: '${given}' is none of '${values.join("', '")}'`)
}
