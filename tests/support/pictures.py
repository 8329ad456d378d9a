"""Comparison of a page's picture with a stored one, in Chromium.

Both are reduced to the mean colour of blocks of 4 x 4 pixels, and small differences of a few blocks are ignored. Thus the
edges of letters, which differ between versions of Chromium and of the font library, do not matter; a lost box, another colour
or a moved line do.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from playwright.async_api import Page

BLOCK = 4
MAX_COLOUR_DIFFERENCE = 20
"""Largest difference of a block's red, green or blue (0-255) that is ignored."""
MAX_DIFFERENT_BLOCKS = 8

_REDUCE = """async ([picture, block]) => {
  const bytes = Uint8Array.from(atob(picture), each => each.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const whole = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
  whole.drawImage(bitmap, 0, 0);
  const { data } = whole.getImageData(0, 0, bitmap.width, bitmap.height);
  const [width, height] = [Math.floor(bitmap.width / block), Math.floor(bitmap.height / block)];
  const reduced = new ImageData(width, height);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) for (let colour = 0; colour < 4; colour++) {
    let sum = 0;
    for (let dy = 0; dy < block; dy++) for (let dx = 0; dx < block; dx++)
      sum += data[((y * block + dy) * bitmap.width + x * block + dx) * 4 + colour];
    reduced.data[(y * width + x) * 4 + colour] = Math.round(sum / block / block);
  }
  const small = new OffscreenCanvas(width, height);
  small.getContext("2d").putImageData(reduced, 0, 0);
  const found = new Uint8Array(await (await small.convertToBlob()).arrayBuffer());
  return btoa(Array.from(found, each => String.fromCharCode(each)).join(""));
}"""
_DIFFERENT_BLOCKS = """async ([pictures, most]) => {
  const read = async picture => {
    const bytes = Uint8Array.from(atob(picture), each => each.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
    canvas.drawImage(bitmap, 0, 0);
    return canvas.getImageData(0, 0, bitmap.width, bitmap.height);
  };
  const [stored, seen] = await Promise.all(pictures.map(read));
  if (stored.width !== seen.width || stored.height !== seen.height) return null;
  const found = [];
  for (let place = 0; place < seen.data.length; place += 4)
    if ([0, 1, 2].some(colour => Math.abs(seen.data[place + colour] - stored.data[place + colour]) > most))
      found.push([(place / 4) % seen.width, Math.floor(place / 4 / seen.width)]);
  return found;
}"""


async def find_difference(page: Page, stored: Path, new: Path, *, full_page: bool = True) -> str:
    """Return how a picture of this page differs from the stored one, or "" if it does not.

    The picture shows the full page or the visible part. If it differs, the reduced picture is written to the file `new`.
    """
    whole = base64.b64encode(await page.screenshot(full_page=full_page, animations="disabled")).decode()
    reduced: str = await page.evaluate(_REDUCE, [whole, BLOCK])
    if stored.is_file():
        both = [base64.b64encode(stored.read_bytes()).decode(), reduced]
        blocks: list[Any] | None = await page.evaluate(_DIFFERENT_BLOCKS, [both, MAX_COLOUR_DIFFERENCE])
        if blocks is not None and len(blocks) <= MAX_DIFFERENT_BLOCKS:
            return ""
        if blocks is None:
            how = "it has another size"
        else:
            x, y = blocks[0]
            how = f"{len(blocks)} blocks have another colour, the first at {x * BLOCK}, {y * BLOCK}"
    else:
        how = "there is no such picture"
    new.write_bytes(base64.b64decode(reduced))
    return f"{stored.name}: {how}; if the change is intended, run: cp {new} {stored}"
