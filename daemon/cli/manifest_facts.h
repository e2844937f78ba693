/* The facts of a manifest, for people and for programs. */
#ifndef FERRY_CLI_MANIFEST_FACTS_H
#define FERRY_CLI_MANIFEST_FACTS_H

#include <ferry/base/json.h>
#include <ferry/imgcore/manifest.h>
#include <stdio.h>

/* Some lines. */
void manifest_facts_print(const Ferry__Manifest__Facts *facts, FILE *out);
/* All of them, as the object `key`, by the names in proto/ferry/manifest.proto; bytes in hexadecimal. */
void manifest_facts_json(const Ferry__Manifest__Facts *facts, const char *key, struct fy_json *json);

#endif
