// What was looked for lately, kept in this browser only.

const KEY = 'crossdock.recent'
const MAX = 8

class Recent {
  references = $state<string[]>(load())

  add(reference: string): void {
    this.references = [reference, ...this.references.filter((other) => other !== reference)].slice(0, MAX)
    localStorage.setItem(KEY, JSON.stringify(this.references))
  }

  clear(): void {
    this.references = []
    localStorage.removeItem(KEY)
  }
}

function load(): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]')
    return Array.isArray(kept) ? kept.filter((item): item is string => typeof item === 'string').slice(0, MAX) : []
  } catch {
    return []
  }
}

export const recent = new Recent()
