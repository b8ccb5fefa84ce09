// Reads a PMTiles file with the format's reference reader: its head, and the tiles at some
// addresses (z/x/y, comma-separated), unpacked, as hex.
import { open } from "node:fs/promises";
import { PMTiles } from "pmtiles";

const [path, addresses] = process.argv.slice(2);
const file = await open(path);
const source = {
  getKey: () => path,
  async getBytes(offset, length) {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
    return { data: buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + bytesRead) };
  },
};
const archive = new PMTiles(source);
const head = await archive.getHeader();
const found = {};
for (const address of addresses.split(",")) {
  const [z, x, y] = address.split("/").map(Number);
  const tile = await archive.getZxy(z, x, y);
  if (tile) found[address] = Buffer.from(tile.data).toString("hex").toUpperCase();
}
const metadata = await archive.getMetadata();
process.stdout.write(JSON.stringify({ head, tiles: head.numAddressedTiles, zooms: [head.minZoom, head.maxZoom], metadata, found }));
await file.close();
