"""The OpenAPI 3.1 document held to its rules, and values held to its schemas: the subset of both that is in use.

Written out here because a keyword that is not understood must fail the test, not pass it.
"""
import datetime
import re

SCHEMAS = "#/components/schemas/"
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
KEYWORDS = {"$ref", "additionalProperties", "allOf", "const", "default", "description", "enum", "examples", "format",
            "items", "maxItems", "maxLength", "maximum", "minItems", "minLength", "minimum", "pattern", "properties",
            "required", "type", "uniqueItems"}
METHODS = {"get", "post", "put", "patch", "delete"}


def has_type(value, name):
    if name in ("integer", "number"):
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        return not isinstance(value, bool) and (whole or (name == "number" and isinstance(value, float)))
    return isinstance(value, TYPES[name])


def same(a, b):
    """JSON's equality: true is not 1."""
    return type(a) is type(b) and a == b or (has_type(a, "number") and has_type(b, "number") and a == b)


def is_time(text, name):
    try:
        if name == "date":
            return bool(datetime.date.fromisoformat(text))
        return bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text) and
                    datetime.datetime.fromisoformat(text[:19]))
    except ValueError:
        return False


class Document:
    def __init__(self, document):
        self.document = document
        self.used = set()

    def resolve(self, reference):
        assert reference.startswith("#/"), reference
        value = self.document
        for part in reference[2:].split("/"):
            assert part in value, f"{reference} leads nowhere"
            value = value[part]
        self.used.add(reference)
        return value

    def operations(self):
        """-> (path, method, operation) of each"""
        for path, item in self.document["paths"].items():
            for method, operation in item.items():
                yield path, method, operation

    # ---- values

    def faults(self, schema, value, where="$"):
        """What a schema finds wrong with a value, as texts."""
        found = []
        if "$ref" in schema:
            found += self.faults(self.resolve(schema["$ref"]), value, where)
        for part in schema.get("allOf", ()):
            found += self.faults(part, value, where)
        kinds = schema.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if kinds and not any(has_type(value, kind) for kind in kinds):
            return found + [f"{where}: {value!r:.80} is no {'/'.join(kinds)}"]
        if "const" in schema and not same(value, schema["const"]):
            found.append(f"{where}: {value!r:.80} is not {schema['const']!r}")
        if "enum" in schema and not any(same(value, one) for one in schema["enum"]):
            found.append(f"{where}: {value!r:.80} is none of {schema['enum']}")
        return found + self.faults_of_kind(schema, value, where)

    def faults_of_kind(self, schema, value, where):
        found = []
        if has_type(value, "number"):
            if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
                found.append(f"{where}: {value} is out of range")
        elif isinstance(value, str):
            if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
                found.append(f"{where}: a text of {len(value)} characters")
            if "pattern" in schema and not re.search(schema["pattern"], value):
                found.append(f"{where}: {value!r:.80} is not like {schema['pattern']}")
            if "format" in schema and not is_time(value, schema["format"]):
                found.append(f"{where}: {value!r:.80} is no {schema['format']}")
        elif isinstance(value, list):
            if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
                found.append(f"{where}: {len(value)} items")
            if schema.get("uniqueItems") and any(same(a, b) for i, a in enumerate(value) for b in value[:i]):
                found.append(f"{where}: items that are the same")
            for i, one in enumerate(value):
                found += self.faults(schema.get("items", {}), one, f"{where}[{i}]")
        elif isinstance(value, dict):
            found += [f"{where}: no {name}" for name in schema.get("required", ()) if name not in value]
            known, other = schema.get("properties", {}), schema.get("additionalProperties", {})
            for name, one in value.items():
                if name not in known and other is False:
                    found.append(f"{where}: unknown {name!r:.80}")
                else:
                    found += self.faults(known.get(name, other or {}), one, f"{where}.{name}")
        return found

    # ---- the document

    def check_schema(self, schema, where):
        assert isinstance(schema, dict), where
        strange = set(schema) - KEYWORDS
        assert not strange, f"{where}: {strange}"
        if "$ref" in schema:
            self.resolve(schema["$ref"])
        kinds = schema.get("type", [])
        for kind in [kinds] if isinstance(kinds, str) else kinds:
            assert kind in TYPES or kind in ("integer", "number"), f"{where}: type {kind}"
        for name in ("minimum", "maximum"):
            assert has_type(schema.get(name, 0), "number"), f"{where}: {name}"
        for name in ("minLength", "maxLength", "minItems", "maxItems"):
            assert has_type(schema.get(name, 0), "integer") and schema.get(name, 0) >= 0, f"{where}: {name}"
        re.compile(schema.get("pattern", ""))
        assert schema.get("format", "date") in ("date", "date-time"), f"{where}: format"
        names = schema.get("required", [])
        assert len(set(names)) == len(names), f"{where}: required"
        if "properties" in schema and "allOf" not in schema:
            assert set(names) <= set(schema["properties"]), f"{where}: required but not told of"
        for name, one in schema.get("properties", {}).items():
            self.check_schema(one, f"{where}.{name}")
        for i, one in enumerate(schema.get("allOf", ())):
            self.check_schema(one, f"{where}.allOf[{i}]")
        for name in ("items", "additionalProperties"):
            if not isinstance(schema.get(name, False), bool):
                self.check_schema(schema[name], f"{where}.{name}")
        for one in schema.get("enum", []), schema.get("examples", []):
            assert isinstance(one, list), where
        for value in schema.get("examples", []) + ([schema["default"]] if "default" in schema else []):
            found = self.faults({k: v for k, v in schema.items() if k not in ("examples", "default")}, value, where)
            assert not found, found

    def check_content(self, content, where):
        assert content, f"{where}: nothing"
        for kind, media in content.items():
            assert re.fullmatch(r"[a-z]+/[a-z+-]+", kind) and set(media) == {"schema"}, f"{where}: {kind}"
            self.check_schema(media["schema"], f"{where} {kind}")

    def check_parameters(self, path, operation, where):
        seen = set()
        for one in operation["parameters"]:
            assert set(one) == {"name", "in", "required", "schema"}, (where, one)
            assert one["in"] in ("path", "query", "header") and (one["in"], one["name"]) not in seen, (where, one)
            assert one["in"] != "path" or one["required"], where
            seen.add((one["in"], one["name"]))
            self.check_schema(one["schema"], f"{where} {one['name']}")
        in_path = {name for kind, name in seen if kind == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", path)), f"{where}: {in_path}"

    def check_response(self, status, response, where):
        assert re.fullmatch(r"[1-5]\d\d|default", status), where
        assert set(response) <= {"description", "headers", "content"} and response["description"], where
        assert "X-Request-Id" in response["headers"], where
        for one in response["headers"].values():
            header = self.resolve(one["$ref"])
            assert set(header) <= {"description", "required", "schema"}, where
            self.check_schema(header["schema"], where)
        if status in ("204", "304"):
            assert "content" not in response, where
        else:
            self.check_content(response["content"], where)

    def check_operation(self, path, operation, where, tags, schemes):
        assert set(operation) <= {"operationId", "tags", "summary", "description", "security", "parameters",
                                  "requestBody", "responses"}, where
        assert operation["summary"] and operation["tags"] and set(operation["tags"]) <= tags, where
        for one in operation["security"]:
            assert set(one) <= schemes and all(scopes == [] for scopes in one.values()), where
        self.check_parameters(path, operation, where)
        body = operation.get("requestBody")
        if body:
            assert set(body) == {"required", "content"} and set(body["content"]) == {"application/json"}, where
            self.check_content(body["content"], where)
        responses = operation["responses"]
        assert any(status[0] == "2" for status in responses) and "default" in responses, where
        for status, response in responses.items():
            self.check_response(status, response, f"{where} {status}")
        if operation["security"] and {} not in operation["security"]:
            assert "401" in responses and "403" in responses, where

    def check(self):
        """Raises AssertionError, naming the place, where the document breaks a rule."""
        top = self.document
        assert set(top) == {"openapi", "info", "servers", "tags", "paths", "components"}, set(top)
        assert re.fullmatch(r"3\.1\.\d+", top["openapi"])
        assert {"title", "version"} <= set(top["info"]) <= {"title", "version", "description"}
        assert set(top["components"]) == {"schemas", "headers", "securitySchemes"}
        tags = {tag["name"] for tag in top["tags"]}
        assert len(tags) == len(top["tags"])
        for name, one in top["components"]["securitySchemes"].items():
            assert one["type"] in ("http", "apiKey"), name
            assert "scheme" in one if one["type"] == "http" else {"in", "name"} <= set(one), name
        for name, one in top["components"]["schemas"].items():
            assert re.fullmatch(r"[A-Za-z0-9._-]+", name)
            self.check_schema(one, name)
        self.check_paths(tags, set(top["components"]["securitySchemes"]))
        unused = {SCHEMAS + name for name in top["components"]["schemas"]} - self.used
        assert not unused, f"used by nothing: {unused}"

    def check_paths(self, tags, schemes):
        ids, shapes, used_tags = set(), set(), set()
        for path, item in self.document["paths"].items():
            assert path.startswith("/") and item and set(item) <= METHODS, (path, set(item))
            shape = re.sub(r"{\w+}", "{}", path)
            assert shape not in shapes, f"{path} is there twice"
            shapes.add(shape)
        for path, method, operation in self.operations():
            assert operation["operationId"] not in ids, operation["operationId"]
            ids.add(operation["operationId"])
            used_tags |= set(operation["tags"])
            self.check_operation(path, operation, f"{method} {path}", tags, schemes)
        assert used_tags == tags, used_tags ^ tags
