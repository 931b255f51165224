// A step's settings that are areas of the picture, such as zones, drawn on it. Their schema says
// so: `format: polygon`.

import { announce } from "./dom.js";
import { resolve } from "./form.js";
import { editPolygons, field, toPolygon, written } from "./polygon_editor.js";
import { changeUndoably } from "./undo.js";

/**
 * How areas stand in a setting: `read` gives names and areas, `write` what a merge patch (RFC 7396)
 * makes of it.
 */
const SHAPES = {
  one: {
    read: (area, key) => [[key, area]],
    write: ([polygon]) => written(polygon),
  },
  list: {
    read: (areas, key) => areas.map((area, at) => [`${key} ${at + 1}`, area]),
    write: (polygons) => polygons.map(written),
  },
  map: {
    read: (areas) => Object.entries(areas),
    write: (polygons, before) => {
      const removed = Object.keys(before ?? {}).map((name) => [name, null]);
      return Object.fromEntries([
        ...removed,
        ...polygons.map((polygon) => [polygon.name, written(polygon)]),
      ]);
    },
  },
};

/** The settings of the schema that are areas: each one's key, shape and description. */
export function areaSettings(schema) {
  const isPolygon = (part) => part !== undefined && resolve(schema, part).format === "polygon";
  return Object.entries(schema.properties ?? {}).flatMap(([key, part]) => {
    const { items, additionalProperties, ...own } = resolve(schema, part);
    const shape = Object.entries({ one: own, list: items, map: additionalProperties }).find(
      ([, it]) => isPolygon(it),
    );
    return shape ? [{ key, shape: shape[0], description: own.description }] : [];
  });
}

/** Edits these `settings` of a step on the picture of its stream. */
export async function editAreas(step, settings) {
  const { card } = step.chain;
  const known = step.report.settings;
  const kinds = settings.map(toKind);
  const polygons = kinds.flatMap((kind) => {
    const value = known[kind.key];
    const areas =
      value === undefined || value === null ? [] : SHAPES[kind.shape].read(value, kind.key);
    return areas.map(([name, area]) => toPolygon(kind, name, area, card.live));
  });
  const summaries = settings.map(
    ({ key, description }) => `\`${key}\`: ${firstSentence(description)}`,
  );
  await editPolygons({
    title: `Areas of ${step.use} in ${card.name}`,
    summary: summaries.join(" "),
    card,
    kinds,
    polygons,
    save: async (drawn) => {
      const changes = patch(kinds, drawn, known);
      if (Object.keys(changes).length > 0) {
        const done = `${step.use}: ${Object.keys(changes).join(", ")} changed`;
        await changeUndoably(done, `areas of ${step.id}`, "PATCH", step.url, { with: changes });
        announce(done);
        step.chain.refresh();
      }
    },
  });
}

function firstSentence(text = "") {
  return text.split(/(?<=\.)\s/, 1)[0];
}

function toKind({ key, shape }) {
  const noun = key.replace(/s$/, "");
  return {
    key,
    shape,
    add: `Add to ${key}`,
    // A name that can stand in a variable's.
    name: (number) => (shape === "map" ? `${noun}-${number}` : `${key} ${number}`),
    fields: (polygon) =>
      shape === "map" ? [field(`Name in ${key}`, polygon, "name")] : [polygon.name],
  };
}

/** What is to be changed for the settings to have these polygons. */
function patch(kinds, polygons, known) {
  const changed = kinds.map(({ key, shape }) => {
    const own = polygons.filter((polygon) => polygon.kind.key === key);
    check(own, shape, key);
    return [key, own.length > 0 ? SHAPES[shape].write(own, known[key]) : null];
  });
  return Object.fromEntries(
    changed.filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(known[key] ?? null)),
  );
}

/** Fails if not all of these polygons can stand in the setting. */
function check(polygons, shape, key) {
  if (shape === "one" && polygons.length > 1) {
    throw new Error(`\`${key}\` is one area, and these are ${polygons.length}.`);
  }
  const names = polygons.map((polygon) => polygon.name);
  if (names.includes(undefined)) {
    throw new Error(`Each area in \`${key}\` needs a name.`);
  }
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (shape === "map" && twice !== undefined) {
    throw new Error(`Two areas in \`${key}\` are called \`${twice}\`.`);
  }
}
