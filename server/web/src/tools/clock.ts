// Days and minutes where the city is.

const partsOf = (time: number, zone: string): Record<string, string> =>
  Object.fromEntries(new Intl.DateTimeFormat('en-CA', {
    timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23',
  }).formatToParts(time).map(({ type, value }) => [type, value]));

/** The day of an instant in a zone, as YYYY-MM-DD. */
export function dayOf(time: number, zone: string): string {
  const { year, month, day } = partsOf(time, zone);
  return `${year}-${month}-${day}`;
}

/** Minutes since midnight of an instant in a zone. */
export function minuteOf(time: number, zone: string): number {
  const { hour, minute } = partsOf(time, zone);
  return Number(hour) * 60 + Number(minute);
}

/** The instant of a minute of a day in a zone, milliseconds since 1970; where a clock is put forward, the minute after. */
export function instantOf(day: string, minute: number, zone: string): number {
  const wanted = Date.parse(`${day}T00:00:00Z`) + minute * 60_000;
  const offset = (time: number): number => {
    const { year, month, day: date, hour, minute: past, second } = partsOf(time, zone);
    return Date.UTC(Number(year), Number(month) - 1, Number(date), Number(hour), Number(past), Number(second)) - Math.floor(time / 1000) * 1000;
  };
  const first = wanted - offset(wanted);
  return wanted - offset(first);
}
