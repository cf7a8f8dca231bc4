"""Objects that must not be created, each with the whole of what upstream says of it."""

import pytest

from tests.unit.api.written import faults, new

LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
C = {"name": "c", "image": "i"}
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [C]}}
SELECTOR = {"matchLabels": {"a": "b"}}
WORKLOAD = {"selector": SELECTOR, "template": TEMPLATE}
JOB = {"template": {"spec": {"containers": [C], "restartPolicy": "Never"}}}
TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}
HOOK = {
    "name": "a.b.c",
    "clientConfig": {"url": "https://h/p"},
    "sideEffects": "None",
    "admissionReviewVersions": ["v1"],
}
MATCH = {
    "resourceRules": [{"operations": ["*"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}],
}
VERSION = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
WIDGETS = {
    "group": "example.com",
    "names": {"plural": "widgets", "kind": "Widget"},
    "scope": "Cluster",
    "versions": [VERSION],
}


def pod(container=None, **spec):
    return new("Pod", {"containers": [C | (container or {})], **spec})


def volume(**source):
    return new("PersistentVolume", {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, **source})


def webhook(**changes):
    return new("ValidatingWebhookConfiguration", webhooks=[HOOK | changes])


def definition(**changes):
    return new("CustomResourceDefinition", WIDGETS | changes, name="widgets.example.com")


METADATA = [
    (new("ConfigMap", name="A"), [f'metadata.name: Invalid value: "A": {SUBDOMAIN}']),
    (new("ConfigMap", name=""), ["metadata.name: Required value: name or generateName is required"]),
    (new("Role", name="a/b", rules=[]), ['metadata.name: Invalid value: "a/b": may not contain \'/\'']),
    (new("Namespace", name="a.b"), ['metadata.name: Invalid value: "a.b": must not contain dots']),
    (new("ConfigMap", metadata={"finalizers": ["plain"]}),
     ['metadata.finalizers[0]: Invalid value: "plain": name is neither a standard finalizer name nor is it fully '
      "qualified"]),
]  # fmt: skip

PODS = [
    (pod({"image": ""}), ["spec.containers[0].image: Required value"]),
    (pod({"imagePullPolicy": "X"}),
     ['spec.containers[0].imagePullPolicy: Unsupported value: "X": supported values: "Always", "IfNotPresent", '
      '"Never"']),
    (pod({"volumeMounts": [{"name": "v", "mountPath": "/x"}]}),
     ['spec.containers[0].volumeMounts[0].name: Not found: "v"']),
    (pod({"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}),
     ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1']),
    (pod(restartPolicy="X"),
     ['spec.restartPolicy: Unsupported value: "X": supported values: "Always", "OnFailure", "Never"']),
    (pod(activeDeadlineSeconds=0),
     ["spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"]),
    (pod(hostname="a_b"), [f'spec.hostname: Invalid value: "a_b": {LABEL}']),
]  # fmt: skip

WORKLOADS = [
    (new("Deployment", {**WORKLOAD, "selector": {"matchLabels": {"a": "c"}}}),
     ['spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`']),
    (new("ReplicaSet", {**WORKLOAD, "replicas": -1}),
     ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]),
    (new("StatefulSet", WORKLOAD, name="a.b"), ['metadata.name: Invalid value: "a.b": must not contain dots']),
    (new("StatefulSet", {**WORKLOAD, "volumeClaimTemplates": [{"metadata": {"name": "d"}, "spec": {}}]}),
     ["spec.volumeClaimTemplates[0].spec.accessModes: Required value: at least 1 access mode is required",
      "spec.volumeClaimTemplates[0].spec.resources[storage]: Required value"]),
    (new("StatefulSet", {**WORKLOAD, "template": {**TEMPLATE, "spec": {"containers": []}}}),
     ["spec.template.spec.containers: Required value"]),
    (new("Job", {**JOB, "parallelism": -1}),
     ["spec.parallelism: Invalid value: -1: must be greater than or equal to 0"]),
    (new("CronJob", {"schedule": "x", "jobTemplate": {"spec": JOB}}),
     ['spec.schedule: Invalid value: "x": expected exactly 5 fields, found 1: [x]']),
    (new("HorizontalPodAutoscaler", {"scaleTargetRef": TARGET, "maxReplicas": 0}, api_version="autoscaling/v1"),
     ["spec.maxReplicas: Required value: must be set and greater than 0",
      "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`"]),
    (new("PodDisruptionBudget", {"minAvailable": 1, "maxUnavailable": 1}),
     ['spec: Invalid value: {"MinAvailable":1,"Selector":null,"MaxUnavailable":1,"UnhealthyPodEvictionPolicy":null}: '
      "minAvailable and maxUnavailable cannot be both set"]),
]  # fmt: skip

OTHERS = [
    (new("StorageClass"), ["provisioner: Required value"]),
    (new("StorageClass", provisioner="p", reclaimPolicy="X"),
     ['reclaimPolicy: Unsupported value: "X": supported values: "Delete", "Retain"']),
    (new("StorageClass", provisioner="p", allowedTopologies=[{"matchLabelExpressions": [{"key": "z"}]}]),
     ["allowedTopologies[0].matchLabelExpressions[0].values: Required value"]),
    (new("VolumeAttributesClass", driverName="d"),
     ["parameters: Required value: must contain at least one key/value pair"]),
    (new("VolumeAttachment", {"attacher": "d", "nodeName": "n", "source": {}}),
     ["spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName"]),
    (new("CSIDriver", {"tokenRequests": [{"audience": "a", "expirationSeconds": 1}, {"audience": "a"}]}),
     ["spec.tokenRequests[0].expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes",
      'spec.tokenRequests[1].audience: Duplicate value: "a"']),
    (new("CSINode", {"drivers": [{"name": "d", "nodeID": ""}]}), ["spec.drivers[0].nodeID: Required value"]),
    (new("PriorityClass", value=1_000_000_001),
     ["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"]),
    (new("PriorityClass", name="system-node-critical", value=1),
     ["metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: "
      "value of system-node-critical PriorityClass must be 2000001000"]),
    (new("HorizontalPodAutoscaler", {"scaleTargetRef": TARGET, "maxReplicas": -1}, api_version="autoscaling/v2"),
     ["spec.maxReplicas: Invalid value: -1: must be greater than or equal to 1",
      "spec.maxReplicas: Invalid value: -1: must be greater than or equal to `minReplicas`"]),
    (new("HorizontalPodAutoscaler", {"scaleTargetRef": {"kind": "Deployment", "name": "d"}, "maxReplicas": 1},
         api_version="autoscaling/v2"),
     ['spec.scaleTargetRef.apiVersion: Invalid value: "": apiVersion must specify API group']),
    (new("ResourceQuota", {"hard": {"services": "1"}, "scopeSelector": {"matchExpressions": [
        {"scopeName": "BestEffort", "operator": "Exists"}]}}),
     ['spec.scopeSelector.matchExpressions: Invalid value: {"MatchExpressions":[{"ScopeName":"BestEffort",'
      '"Operator":"Exists","Values":null}]}: unsupported scope applied to resource']),
    (volume(iscsi={"targetPortal": "p", "iqn": "x", "lun": 1, "secretRef": {}}),
     ['spec.iscsi.iqn: Invalid value: "x": must be valid format', "spec.iscsi.secretRef.name: Required value"]),
    (volume(glusterfs={"endpoints": "e", "path": "p", "endpointsNamespace": ""}),
     ['spec.glusterfs.endpointsNamespace: Invalid value: "": if the endpointnamespace is set, it must be a valid '
      "namespace name"]),
    (volume(azureFile={"secretName": "s", "shareName": "s", "secretNamespace": ""}),
     ["spec.azureFile.secretNamespace: Required value"]),
    (volume(cinder={"volumeID": "v", "secretRef": {"name": "s"}}),
     ["spec.cinder.secretRef.namespace: Required value"]),
    (volume(csi={"driver": "", "volumeHandle": "h"}, local={"path": ""}, nodeAffinity=None),
     ["spec.local.path: Required value", "spec.nodeAffinity: Required value: Local volume requires node affinity",
      "spec.csi: Forbidden: may not specify more than 1 volume type"]),
    (new("ReplicaSet", {**WORKLOAD, "selector": {}}),
     ["spec.selector: Invalid value: {}: empty selector is invalid for deployment"]),
    (new("StorageClass", provisioner="p", allowedTopologies=[{"matchLabelExpressions": []}]),
     ['allowedTopologies[0].matchLabelExpressions: Duplicate value: ""']),
    (new("VolumeAttachment", {"attacher": "", "nodeName": "n", "source": {"persistentVolumeName": "A"}}),
     ["spec.attacher: Required value", f'spec.source.persistentVolumeName: Invalid value: "A": {SUBDOMAIN}']),
    (new("CSIDriver", {"serviceAccountTokenInSecrets": True}),
     ["spec.serviceAccountTokenInSecrets: Invalid value: true: serviceAccountTokenInSecrets is set but no "
      "tokenRequests are specified"]),
    (new("PriorityClass", value=1, preemptionPolicy="X"),
     ['preemptionPolicy: Unsupported value: "X": supported values: "PreemptLowerPriority", "Never"']),
    (new("EndpointSlice", addressType="IPv4", endpoints=[{"addresses": ["::1"], "hints": {"forZones": [{"name": "/"}]}}],
         ports=[{"port": 70000, "protocol": "X"}]),
     ['ports[0].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"',
      'endpoints[0].addresses: Invalid value: "::1": must be an IPv4 address',
      'endpoints[0].addresses[0]: Invalid value: "::1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
      f'endpoints[0].hints.forZones[0].name: Invalid value: "/": {LABEL_VALUE}']),
    (new("EndpointSlice", addressType="IPv6", endpoints=[{"addresses": ["2001:DB8::1"]}], ports=[]),
     ['endpoints[0].addresses[0]: Invalid value: "2001:DB8::1": must be in canonical form ("2001:db8::1")']),
    (new("NetworkPolicy", {"podSelector": {}, "ingress": [{"ports": [{"port": 80, "endPort": 70}]}]}),
     ["spec.ingress[0].ports[0].endPort: Invalid value: 80: must be greater than or equal to `port`"]),
    (new("RuntimeClass", handler=""), ["handler: Required value"]),
    (new("RuntimeClass", handler="h", scheduling={"tolerations": [{"operator": "Exists"}] * 2}),
     ['scheduling.tolerations[1]: Duplicate value: {"Key":"","Operator":"Exists","Value":"","Effect":"",'
      '"TolerationSeconds":null}']),
    (new("RuntimeClass", handler="A"), [f'handler: Invalid value: "A": {LABEL}']),
    (new("Lease", {"leaseDurationSeconds": 0, "preferredHolder": "h"}),
     ["spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"]),
    (new("ServiceCIDR", {"cidrs": ["10.9.0.0/24", "ten"]}),
     ['spec.cidrs[1]: Invalid value: "ten": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)']),
    (new("ClusterRole", aggregationRule={"clusterRoleSelectors": [{"matchExpressions": [{"key": "k", "operator": "Has"}]}]}),
     ['aggregationRule.clusterRoleSelectors[0].matchExpressions[0].operator: Invalid value: "Has": not a valid selector '
      "operator",
      "aggregationRule.clusterRoleSelectors[0]: Invalid value: null: invalid label selector."]),
    (new("FlowSchema", {"priorityLevelConfiguration": {"name": "p"}, "distinguisherMethod": {"type": "ByIP"}}),
     ['spec.distinguisherMethod.type: Unsupported value: {"Type":"ByIP"}: supported values: "ByNamespace", "ByUser"']),
    (new("VolumeAttachment", {"attacher": "a.b", "nodeName": "n", "source": {"inlineVolumeSpec": {
        "accessModes": ["Often"], "csi": {"driver": "d", "volumeHandle": ""}, "volumeMode": "Block"}}}),
     ['spec.source.inlineVolumeSpec.accessModes: Unsupported value: "Often": supported values: "ReadOnlyMany", '
      '"ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
      "spec.source.inlineVolumeSpec.csi.volumeHandle: Required value",
      "spec.source.inlineVolumeSpec.volumeMode: Forbidden: may not specify volumeMode other than Filesystem in the "
      "context of inline volumes"]),
    (webhook(clientConfig={"service": {"name": "s"}}),
     ["webhooks[0].clientConfig.service.name: Required value"]),  # What is missing is the namespace.
    (webhook(clientConfig={"url": "https://h/%zz"}),
     ['webhooks[0].clientConfig.url: Required value: url must be a valid URL: parse "https://h/%zz": '
      'invalid URL escape "%zz"; desired format: https://host[/path]']),
    (new("ValidatingAdmissionPolicy", {"failurePolicy": "Fail", "matchConstraints": MATCH, "variables": [
        {"name": "a", "expression": "1 +"}, {"name": "b"}], "validations": [{"expression": "variables.b > 0"}]}),
     ['spec.variables[0].expression: Invalid value: "1 +": compilation failed: ERROR: <input>:1:4: Syntax error: '
      "mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, "
      "NUM_UINT, STRING, BYTES, IDENTIFIER}\n | 1 +\n | ...^",
      "spec.variables[1].expression: Required value: expression is not specified",
      'spec.validations[0].expression: Invalid value: "variables.b > 0": compilation failed: ERROR: <input>:1:10: '
      "undefined field 'b'\n | variables.b > 0\n | .........^"]),
    (new("ValidatingAdmissionPolicy", {"failurePolicy": "Fail", "matchConstraints": MATCH, "auditAnnotations": [
        {"key": "k", "valueExpression": " 1 "}], "validations": [{"expression": "variables.b > 0"}]}),
     ['spec.validations[0].expression: Invalid value: "variables.b > 0": compilation failed: ERROR: <input>:1:1: '
      "undeclared reference to 'variables' (in container '')\n | variables.b > 0\n | ^",
      'spec.auditAnnotations[0].valueExpression: Invalid value: " 1 ": must evaluate to one of [string null_type] but '
      "got int"]),
    (new("MutatingAdmissionPolicy", {"failurePolicy": "Fail", "matchConstraints": MATCH, "reinvocationPolicy": "Never",
         "mutations": [{}, {"patchType": "JSONPatch", "jsonPatch": {"expression": "1"}}]}),
     ["spec.mutations[0].patchType: Required value",
      'spec.mutations[1].jsonPatch.expression: Invalid value: "1": must evaluate to list(JSONPatch) but got int']),
    (new("Event", metadata={"labels": {"a": "b c"}}, api_version="events.k8s.io/v1", eventTime="2026-02-02T02:40:00.000000Z",
         action="a", reason="r", reportingController="c", reportingInstance="i", type="Odd"),
     [f'metadata.labels: Invalid value: "b c": {LABEL_VALUE}', 'type: Invalid value: "": has invalid value: Odd']),
    (new("FlowSchema", {"priorityLevelConfiguration": {"name": ""}, "matchingPrecedence": 1}),
     ["spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
      "spec.priorityLevelConfiguration.name: Required value: must reference a priority level"]),
    (new("PriorityLevelConfiguration", {"type": "Exempt"}),
     ["spec.type: Invalid value: \"Exempt\": must be 'Exempt' if and only if `name` is 'exempt'"]),
    (new("APIService", {"group": "g", "version": "v1", "groupPriorityMinimum": 1, "versionPriority": 1}),
     ['metadata.name: Invalid value: "x": must be `spec.version+"."+spec.group`: "v1.g"']),
    (new("ResourceClaim", {"devices": {"requests": [{"name": "r"}]}}),
     ["spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required"]),
]  # fmt: skip

EXTENSIONS = [
    (webhook(name="a.b"),
     ['webhooks[0].name: Invalid value: "a.b": should be a domain with at least three segments separated by dots']),
    (webhook(timeoutSeconds=31),
     ["webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds"]),
    (webhook(admissionReviewVersions=["v2"]),
     ['webhooks[0].admissionReviewVersions: Invalid value: ["v2"]: must include at least one of v1, v1beta1']),
    (webhook(clientConfig={"url": "http://h"}),
     ["webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; desired "
      "format: https://host[/path]"]),
    (webhook(rules=[{"operations": ["*", "CREATE"], "apiGroups": ["*"], "apiVersions": ["v1"],
                     "resources": ["*", "pods"]}]),
     ["webhooks[0].rules[0].operations: Invalid value: [\"*\",\"CREATE\"]: if '*' is present, must not specify other "
      "operations",
      "webhooks[0].rules[0].resources: Invalid value: [\"*\",\"pods\"]: if '*' is present, must not specify other "
      "resources without subresources"]),
    (new("ValidatingAdmissionPolicy", {"matchConstraints": MATCH, "validations": [{"expression": " "}]}),
     ["spec.validations[0].expression: Required value: expression is not specified"]),
    (new("ValidatingAdmissionPolicy", {"matchConstraints": MATCH, "variables": [{"name": "a-b", "expression": "1"}],
                                       "validations": [{"expression": "true", "message": "a\nb"}]}),
     ['spec.variables[0].name: Invalid value: "a-b": must be a valid CEL identifier',
      'spec.validations[0].message: Invalid value: "a\\nb": must not contain line breaks']),
    (new("MutatingAdmissionPolicy", {
        "matchConstraints": {"resourceRules": [{**MATCH["resourceRules"][0], "operations": ["DELETE"]}]},
        "reinvocationPolicy": "Never",
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": " "}, "applyConfiguration": {}}]}),
     ['spec.matchConstraints.resourceRules.operations: Unsupported value: "DELETE": supported values: "*", "CONNECT", '
      '"CREATE", "UPDATE"',
      "spec.mutations[0].jsonPatch.expression: Required value",
      'spec.mutations[0].applyConfiguration: Invalid value: "{applyConfiguration}": must not be specified when '
      "patchType is JSONPatch"]),
    (new("ValidatingAdmissionPolicyBinding", {"policyName": "p", "validationActions": []}),
     ["spec.validationActions: Required value: at least one validation action is required"]),
    (definition(names={"plural": "gadgets", "kind": "Widget"}),
     ['metadata.name: Invalid value: "widgets.example.com": must be spec.names.plural+"."+spec.group']),
    (definition(versions=[{**VERSION, "schema": None}]),
     ["spec.versions[0].schema.openAPIV3Schema: Required value"]),
    (definition(versions=[{**VERSION, "additionalPrinterColumns": [{"name": "n", "type": "x", "jsonPath": "a"}]}]),
     ['spec.additionalPrinterColumns[0].type: Invalid value: "x": must be one of boolean,date,integer,number,string',
      'spec.additionalPrinterColumns[0].JSONPath: Invalid value: "a": must be a simple json path starting with .']),
    (definition(scope="X"), ['spec.scope: Unsupported value: "X": supported values: "Cluster", "Namespaced"']),
]  # fmt: skip


@pytest.mark.parametrize(
    ("obj", "expected"),
    [*METADATA, *PODS, *WORKLOADS, *OTHERS, *EXTENSIONS],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_bad_objects_are_refused_with_upstreams_words(obj, expected):
    assert faults(obj) == expected


GOOD = [
    pod(),
    webhook(),
    definition(),
    new("Job", JOB),
    new("CSIDriver", {}),
    new("StorageClass", provisioner="P.example.com/x"),
    new("PriorityClass", name="system-node-critical", value=2_000_001_000),
    new("ValidatingAdmissionPolicy", {"matchConstraints": MATCH, "validations": [{"expression": "true"}]}),
]


@pytest.mark.parametrize("obj", GOOD, ids=lambda value: value["kind"])
def test_good_objects_are_not(obj):
    assert faults(obj) == []
