"""What we promise of our deployments besides that they are well-formed. Usage: check-manifests.py <compose> <rendered json>..."""

import json
import re
import sys

import yaml

NAME = "app.kubernetes.io/name"
# Who may open a connection to whom, and where; nobody else may, to anything.
WAYS = {
    ("anybody", "front", 8080),
    ("front", "gatekeeper", 8080),
    ("monitoring", "gatekeeper", 8080),
    ("gatekeeper", "vault", 8090),
    ("monitoring", "vault", 8090),
}
WAYS_LOCAL = {("gatekeeper", "redis", 6379), ("vault", "postgres", 5432), ("migration", "postgres", 5432)}
PODS = ["front", "gatekeeper", "vault", "migration", "redis", "postgres"]
PORTS = [5432, 6379, 8080, 8090]
# A password in an address, something random, or a setting that is to hold a secret itself rather than name its file.
SECRET = re.compile(r"://[^/\s]*:[^/\s@]+@|[0-9a-fA-F]{24,}|(?:PASSWORD|CREDENTIAL|TOKEN_KEY|_URL)\"?\s*[:=]\s*\"?(?!http://)[^\s/$\"]")

wrong = []


def expect(holds, what):
    if not holds:
        wrong.append(what)


def selects(selector, pod):
    labels = {NAME: pod}
    named = (selector or {}).get("matchLabels", {}).items()
    listed = (selector or {}).get("matchExpressions", [])
    return all(labels.get(key) == value for key, value in named) and all(
        rule["operator"] == "In" and labels.get(rule["key"]) in rule["values"] for rule in listed
    )


def lets(policies, direction, pod, other, port):
    """Whether a pod's policies for a direction permit it: those that select it, of which one has to."""
    peers = "from" if direction == "Ingress" else "to"
    mine = [p["spec"] for p in policies if direction in p["spec"]["policyTypes"] and selects(p["spec"]["podSelector"], pod)]

    def is_peer(peer):
        if "namespaceSelector" in peer:
            return peer["namespaceSelector"]["matchLabels"].get("kubernetes.io/metadata.name") == other
        return "podSelector" in peer and other in PODS and selects(peer["podSelector"], other)

    rules = [rule for spec in mine for rule in spec.get(direction.lower(), [])]
    return not mine or any(
        (not rule.get(peers) or any(is_peer(peer) for peer in rule[peers]))
        and (not rule.get("ports") or any(entry["port"] == port for entry in rule["ports"]))
        for rule in rules
    )


def check_ways(name, objects):
    policies = [o for o in objects if o["kind"] == "NetworkPolicy"]
    pods = [pod for pod in PODS if name == "local" or pod not in ("redis", "postgres")]
    found = set()
    for there in pods:
        for port in PORTS:
            for here in [*pods, "monitoring", "anybody"]:
                may_leave = here not in pods or lets(policies, "Egress", here, there, port)
                if here != there and may_leave and lets(policies, "Ingress", there, here, port):
                    found.add((here, there, port))
    # Whoever anybody may reach, the others may as well, if they may leave.
    found -= {way for way in found if ("anybody", *way[1:]) in found and way[0] == "monitoring"}
    wanted = WAYS | (WAYS_LOCAL if name == "local" else set())
    expect(found == wanted, f"{name}: who reaches whom differs by {sorted(found ^ wanted)}")


def check_pods(name, objects):
    budgets = {o["metadata"]["name"] for o in objects if o["kind"] == "PodDisruptionBudget"}
    for o in objects:
        spec = o.get("spec", {}).get("template", {}).get("spec")
        if spec is None:
            continue
        who = f"{name}: {o['kind']} {o['metadata']['name']}"
        expect(spec["securityContext"]["runAsNonRoot"], f"{who} may run as root")
        expect(spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault", f"{who} has no seccomp profile")
        expect(spec["automountServiceAccountToken"] is False, f"{who} gets a token of the cluster")
        for container in spec["containers"]:
            context = container["securityContext"]
            expect(context["readOnlyRootFilesystem"], f"{who} may write to its image")
            expect(not context["allowPrivilegeEscalation"], f"{who} may gain rights")
            expect(context["capabilities"]["drop"] == ["ALL"], f"{who} keeps capabilities")
            expect("memory" in container["resources"]["limits"], f"{who} has no limit")
            expect("cpu" in container["resources"]["requests"], f"{who} asks for no CPU")
            if o["kind"] != "Job":
                expect({"readinessProbe", "livenessProbe"} <= container.keys(), f"{who} is not probed")
        if o["kind"] == "Deployment":
            expect(o["metadata"]["name"] in budgets, f"{who} has no PodDisruptionBudget")
            expect(spec.get("topologySpreadConstraints"), f"{who} is not spread")
            expect(o["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0, f"{who} is rolled out with too few")


def check_kubernetes(path):
    name = "local" if path.endswith("local.json") else "production"
    objects = json.load(open(path))
    expect(not SECRET.search(json.dumps(objects)), f"{name}: there is a secret in it")
    expect(not any(o["kind"] == "Secret" for o in objects), f"{name}: Secrets are made apart")
    check_ways(name, objects)
    check_pods(name, objects)
    scalers = [o for o in objects if o["kind"] == "HorizontalPodAutoscaler"]
    expect([[m["type"] for m in o["spec"]["metrics"]] for o in scalers] == [["Resource", "Pods"]], f"{name}: scaling")
    kinds = {o["kind"] for o in objects}
    expect({"Ingress", "ServiceMonitor", "Job", "ConfigMap"} <= kinds, f"{name}: {kinds}")


def check_compose(path):
    text = open(path).read()
    expect(not SECRET.search(text), f"{path}: there is a secret in it")
    for name, service in yaml.safe_load(text)["services"].items():
        limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
        expect({"cpus", "memory"} <= limits.keys(), f"{path}: {name} has no limits")
        expect("healthcheck" in service or "profiles" in service, f"{path}: {name} has no health check")
        expect("no-new-privileges:true" in service.get("security_opt", []), f"{path}: {name} may gain rights")
        expect(service.get("read_only") or name == "postgres", f"{path}: {name} may write to its image")


check_compose(sys.argv[1])
for rendered in sys.argv[2:]:
    check_kubernetes(rendered)
for what in wrong:
    print(what, file=sys.stderr)
sys.exit(bool(wrong))
