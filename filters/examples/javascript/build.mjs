import { writeFile } from "node:fs/promises";
import { componentize } from "@bytecodealliance/componentize-js";

const { component } = await componentize({
  sourcePath: "filter.js",
  witPath: "filter.wit",
  worldName: "WORLD",
  disableFeatures: ["http", "fetch-event"],
});
await writeFile("example-filter.wasm", component);
