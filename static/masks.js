// Privacy masks, drawn on a stream's picture.

import { change } from "./api.js";
import { advise, announce } from "./dom.js";
import { editPolygons, field, toPolygon, written } from "./polygon_editor.js";
import { words } from "./step.js";
import { changeUndoably } from "./undo.js";

const COARSEST = 1024;
const MASK = { add: "Add a mask", name: (number) => `mask ${number}`, fields };

/**
 * Edits the masks of the stream that `card` shows. `refresh` asks the server again how things are.
 */
export async function editMasks(card, refresh) {
  const { name, live } = card;
  const url = `api/v1/streams/${encodeURIComponent(name)}`;
  let config;
  try {
    config = await change("GET", `${url}/config`);
  } catch (error) {
    advise(words(error));
    return;
  }
  advise("");
  const masks = config.source?.masks ?? [];
  await editPolygons({
    title: `Masks of ${name}`,
    summary: "What a mask covers is never sent to anybody.",
    card,
    kinds: [MASK],
    polygons: masks.map((mask) => ({ ...mask, ...toPolygon(MASK, mask.name, mask.area, live) })),
    save: async (polygons) => {
      const source = { masks: polygons.map(toMask) };
      const done = `the masks of ${name} are changed`;
      await changeUndoably(done, `masks of ${name}`, "PATCH", url, { source });
      announce(done);
      refresh();
    },
  });
}

function toMask(polygon) {
  const { kind, corners, ...mask } = polygon;
  return { ...mask, area: written(polygon) };
}

function fields(mask) {
  const mosaic = { type: "number", min: 0, max: COARSEST, step: 1, placeholder: "none" };
  return [
    field("Name", mask, "name"),
    field("Colour", mask, "fill", { placeholder: "black" }),
    field("Mosaic, pixels", mask, "mosaic", mosaic, (value) => (value === "" ? "" : Number(value))),
    field("When", mask, "when", { placeholder: "always, or gpio.owner = away, or 20:00-06:30" }),
  ];
}
