/**
 * The AI SDK's errors without its package at run time: it knows its own by markers, which two
 * copies of it share too.
 */
const isOne = (name: string) => ({
  [Symbol.for('vercel.ai.error')]: true,
  [Symbol.for(`vercel.ai.error.${name}`)]: true,
})

/** What NoSuchModelError.isInstance() takes. */
export function noSuchModel(modelId: string, modelType: string, message: string): Error {
  const name = 'AI_NoSuchModelError'
  return Object.assign(new Error(message), { name, modelId, modelType, ...isOne(name) })
}

/** What UnsupportedFunctionalityError.isInstance() takes. */
export function unsupported(functionality: string): Error {
  const name = 'AI_UnsupportedFunctionalityError'
  const message = `nearfield: ${functionality} is not supported by a local model`
  return Object.assign(new Error(message), { name, functionality, ...isOne(name) })
}
