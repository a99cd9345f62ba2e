// The kinds of entities of the model. They do not change while the console is open, so they are asked for once.

import { get } from './api'
import type { KindView, Listing } from './types'

/** The order people think in; what is not named follows in the order of the model. */
const FIRST = ['order', 'shipment', 'stop', 'proof_of_delivery', 'invoice', 'customer_account', 'item', 'location']

class Kinds {
  all = $state.raw<KindView[]>([])
  #asked: Promise<KindView[]> | undefined

  /** Asks for them, once; again when that failed. */
  load(signal?: AbortSignal): Promise<KindView[]> {
    this.#asked ??= get<Listing<KindView>>('/api/kinds', {}, signal).then(
      ({ items }) => (this.all = items.toSorted((a, b) => rank(a) - rank(b))),
      (error) => {
        this.#asked = undefined
        throw error
      },
    )
    return this.#asked
  }

  find(name: string): KindView | undefined {
    return this.all.find((kind) => kind.name === name)
  }
}

function rank(kind: KindView): number {
  const at = FIRST.indexOf(kind.name)
  return at < 0 ? FIRST.length : at
}

export const kinds = new Kinds()
