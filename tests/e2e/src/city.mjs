// What the test does as another client of the server.

const EVENTS = 'collections/events/items';

export class City {
  constructor(server, token) {
    this.server = server.endsWith('/') ? server : `${server}/`;
    this.headers = token ? { authorization: `Bearer ${token}` } : {};
  }

  address(path) {
    return new URL(path, this.server).href;
  }

  async document() {
    const response = await fetch(this.address('city'), { headers: { accept: 'application/json', ...this.headers } });
    if (!response.ok) throw new Error(`GET /city answered ${response.status}`);
    return response.json();
  }

  /** Posts an event; resolves once the server has acknowledged it. */
  async post(id, properties, point = undefined) {
    const feature = {
      type: 'Feature',
      id,
      geometry: point ? { type: 'Point', coordinates: point } : null,
      properties: { source: 'e2e', time: new Date().toISOString(), ...properties },
    };
    return this.send(feature);
  }

  /** Clearing names only the status, as a later post of the same source and id. */
  async clear(id) {
    return this.send({ type: 'Feature', id, geometry: null, properties: { source: 'e2e', time: new Date().toISOString(), status: 'cleared' } });
  }

  async send(feature) {
    const response = await fetch(this.address(EVENTS), {
      method: 'POST',
      headers: { 'content-type': 'application/geo+json', ...this.headers },
      body: JSON.stringify(feature),
    });
    if (response.status !== 201 && response.status !== 200) {
      throw new Error(`POST /${EVENTS} answered ${response.status}: ${await response.text()}`);
    }
    return response.json();
  }
}
