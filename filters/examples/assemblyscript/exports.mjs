// Names the exports of `world.ts` as the contract does: `overlay_draw` becomes
// `mattebox:filter/overlay@0.2.0#draw`, and the server calls `done` when it has read a result.

import { Transform } from "assemblyscript/transform";
import binaryen from "assemblyscript/binaryen";

export default class extends Transform {
  afterCompile(module) {
    const functions = new Map();
    for (let at = 0; at < module.getNumExports(); at++) {
      const { name, value } = binaryen.getExportInfo(module.getExportByIndex(at));
      functions.set(name, value);
    }
    for (const [name, value] of functions) {
      const [, kind, call] = name.match(/^(lifecycle|overlay|transform|inspect)_(\w+)$/) ?? [];
      if (kind) {
        const full = `mattebox:filter/${kind}@0.2.0#${call}`;
        module.removeExport(name);
        module.addFunctionExport(value, full);
        module.addFunctionExport(functions.get("done"), `cabi_post_${full}`);
      }
    }
    module.removeExport("done");
  }
}
