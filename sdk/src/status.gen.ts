/** Generated from include/nearfield.h by tools/gen_status.mjs; do not edit. */
export const status = {
  lost: -6,
  io: -5,
  cancelled: -4,
  bad_input: -3,
  unsupported: -2,
  no_memory: -1,
  ok: 0,
  need_bytes: 1,
  pending: 2,
} as const

/** The statuses that mean: failed for good. */
export type StatusCode = 'no_memory' | 'unsupported' | 'bad_input' | 'cancelled' | 'io' | 'lost'

export const statusCodes: ReadonlyMap<number, StatusCode> = new Map([
  [-1, 'no_memory'],
  [-2, 'unsupported'],
  [-3, 'bad_input'],
  [-4, 'cancelled'],
  [-5, 'io'],
  [-6, 'lost'],
])
