// Time as people read it: how long ago, and exactly when in a named time zone.

const ZONE = 'crossdock.zone'

class Clock {
  /** Ticks every second while the page is seen. */
  now = $state(Date.now())
  /** Times are shown as the browser's zone has them, or in UTC. */
  isUtc = $state(localStorage.getItem(ZONE) === 'utc')

  constructor() {
    setInterval(() => {
      if (document.visibilityState === 'visible') this.now = Date.now()
    }, 1000)
  }

  toggleZone(): void {
    this.isUtc = !this.isUtc
    localStorage.setItem(ZONE, this.isUtc ? 'utc' : 'local')
  }

  get zone(): string {
    return this.isUtc ? 'UTC' : Intl.DateTimeFormat().resolvedOptions().timeZone
  }

  /** `23 Nov 2026, 12:31:05 CET`. */
  exact(at: string | number): string {
    return new Intl.DateTimeFormat('en-GB', {
      day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit',
      timeZone: this.zone, timeZoneName: 'short',
    }).format(new Date(at))
  }

  /** `12:31:05`, with milliseconds when asked. */
  time(at: string | number, withMs = false): string {
    return new Intl.DateTimeFormat('en-GB', {
      hour: '2-digit', minute: '2-digit', second: '2-digit', timeZone: this.zone,
      ...(withMs && { fractionalSecondDigits: 3 as const }),
    }).format(new Date(at))
  }

  /** `Mon 23 Nov 2026`. */
  day(at: string | number): string {
    return new Intl.DateTimeFormat('en-GB', {
      weekday: 'short', day: 'numeric', month: 'short', year: 'numeric', timeZone: this.zone,
    }).format(new Date(at))
  }

  /** `3 min ago`. */
  ago(at: string | number): string {
    const age = this.now - new Date(at).getTime()
    if (age < 0) return `in ${span(-age)}`
    return age < 5_000 ? 'just now' : `${span(age)} ago`
  }
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/

/** Whether a value is an instant as RFC 3339 writes it. */
export const isInstant = (value: unknown): value is string =>
  typeof value === 'string' && INSTANT.test(value) && !Number.isNaN(Date.parse(value))

const UNITS: [number, string][] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
]

/** A length of time in its largest one or two units: `3 min`, `2 h 5 min`, `240 ms`. */
export function span(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`
  const at = UNITS.findIndex(([size]) => ms >= size)
  const [size, name] = UNITS[at] ?? [1_000, 's']
  const whole = Math.floor(ms / size)
  const next = UNITS[at + 1]
  if (!next || whole >= 10) return `${whole} ${name}`
  const part = Math.floor((ms % size) / next[0])
  return part > 0 ? `${whole} ${name} ${part} ${next[1]}` : `${whole} ${name}`
}

export const clock = new Clock()
