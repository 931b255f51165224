import { writeFile } from "node:fs/promises";
import { componentize } from "@bytecodealliance/componentize-js";

const { component } = await componentize({
  sourcePath: "minute-bar.js",
  witPath: "../../../filter-sdk/wit/0.2.0",
  worldName: "overlay-filter",
  disableFeatures: ["http", "fetch-event"],
});
await writeFile("minute-bar.wasm", component);
