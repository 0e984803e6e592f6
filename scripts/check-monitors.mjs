// Holds ServiceMonitors against the Prometheus operator's own definitions. Usage: check-monitors.mjs <folder with its models> <json>
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [models, file] = process.argv.slice(2);
const module = "node_modules/@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor.js";
const { ServiceMonitor } = await import(pathToFileURL(`${models}/${module}`).href);
const monitors = JSON.parse(readFileSync(file)).filter((object) => object.kind === "ServiceMonitor");
if (monitors.length === 0) throw new Error(`${file} has no ServiceMonitor`);
for (const monitor of monitors) new ServiceMonitor(monitor).validate();
