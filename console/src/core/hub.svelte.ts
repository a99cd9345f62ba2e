// The hub as every page sees it: its overview, asked for once for all of them.

import { get } from './api'
import { Poll } from './poll.svelte'
import type { Overview } from './types'

export const hub = new Poll<Overview>((signal) => get<Overview>('/api/overview', {}, signal))

/** What waits for a person. What is paused because of an exception waits with it, and is not counted twice. */
export interface Attention {
  exceptions: number
  systems: number
  transmissions: number
  /** The number to show where there is room for one. */
  count: number
}

export function attention(overview: Overview): Attention {
  const systems = overview.systems.filter((system) => system.paused !== null).length
  const [exceptions, transmissions] = [overview.exceptions_open, overview.transmissions_paused]
  return { exceptions, systems, transmissions, count: exceptions > 0 ? exceptions : systems + transmissions }
}

class Notices {
  /** What a screen reader is told, politely. */
  spoken = $state('')

  say(text: string): void {
    // The same words again are told again.
    this.spoken = this.spoken === text ? `${text} ` : text
  }
}

export const notices = new Notices()
