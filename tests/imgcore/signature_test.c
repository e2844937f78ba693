/* Signatures, against the real ssh-keygen in both directions; and keys, signatures and signers' files that are wrong.
 */
#include "scratch.h"
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/imgcore/signature.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW_S 1795000000 /* 2026-11-18 */

static struct scratch set;  /* a set */
static struct scratch keys; /* keys and what is signed */

static char *path_of(const char *name)
{
    static char paths[4][128];
    static unsigned next;

    next = (next + 1) % 4;
    (void)snprintf(paths[next], sizeof(paths[next]), "%s/%s", keys.path, name);
    return paths[next];
}

__attribute__((format(printf, 1, 2))) static int run(const char *format, ...)
{
    char command[1024];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(command, sizeof(command), format, arguments);
    va_end(arguments);
    return system(command); // NOLINT(cert-env33-c): the command is the test
}

static void begin(void)
{
    scratch_copy(&set, "threads");
    scratch_make(&keys);
    cr_assert_eq(run("ssh-keygen -q -t ed25519 -N '' -C 'a comment' -f %s", path_of("one")), 0);
    cr_assert_eq(run("ssh-keygen -q -t ed25519 -N '' -C '' -f %s", path_of("two")), 0);
}

static void end(void)
{
    scratch_done(&set);
    scratch_done(&keys);
}

TestSuite(signature, .init = begin, .fini = end);

static struct fy_manifest *create(void)
{
    struct fy_manifest *manifest = NULL;
    struct fy_error err = FY_ERROR_INIT;

    cr_assert_eq(fy_manifest_create(set.fd, NULL, &manifest, &err), 0, "%s", err.message);
    return manifest;
}

static char *read_key(const char *name, size_t *size)
{
    return (char *)scratch_read(&keys, name, size);
}

static void sign(struct fy_manifest *manifest, const char *key_name, char fingerprint[FY_FINGERPRINT_SIZE])
{
    struct fy_error err = FY_ERROR_INIT;
    size_t size;
    FY_AUTO_FREE char *key = read_key(key_name, &size);

    cr_assert_eq(fy_manifest_sign(manifest, key, size, fingerprint, &err), 0, "%s", err.message);
}

static void write_root(const struct fy_manifest *manifest)
{
    char line[FY_MANIFEST_ROOT_LINE_SIZE];

    fy_manifest_root_line(manifest, line);
    cr_assert_eq(strlen(line), FY_MANIFEST_ROOT_LINE_SIZE - 1);
    scratch_write(&keys, "root", line, strlen(line));
}

/* "who OPTIONS ssh-ed25519 AAAA..." of a public key. */
static void write_signers(const char *options, const char *key_name)
{
    char line[512], name[32];
    size_t size;

    (void)snprintf(name, sizeof(name), "%s.pub", key_name);
    FY_AUTO_FREE char *key = read_key(name, &size);
    (void)snprintf(line, sizeof(line), "# who may sign\n\nsomebody@example.org %s %s", options, key);
    scratch_write(&keys, "signers", line, strlen(line));
}

static enum fy_code judge(const struct fy_manifest *manifest, int64_t now_s, struct fy_error *err)
{
    struct fy_signature_verdict verdict = {.fingerprint = ""};
    struct fy_signers *signers = NULL;
    size_t size;
    FY_AUTO_FREE char *text = read_key("signers", &size);

    *err = (struct fy_error)FY_ERROR_INIT;
    if (fy_signers_parse(text, size, "signers", &signers, err) < 0)
        return err->code;
    if (fy_manifest_verify_signature(manifest, signers, now_s, &verdict, err) == 0)
        cr_expect_eq(memcmp(verdict.fingerprint, "SHA256:", 7), 0);
    fy_signers_free(signers);
    return err->code;
}

static void expect_verdict(const struct fy_manifest *manifest, enum fy_code code, const char *text)
{
    struct fy_error err;

    cr_expect_eq(judge(manifest, NOW_S, &err), code, "%s: %s, expected %s", fy_code_name(err.code), err.message, text);
    cr_expect_not_null(strstr(err.message, text), "\"%s\" is not in \"%s\"", text, err.message);
}

/* ---- with ssh-keygen ---- */

Test(signature, ssh_keygen_accepts_ours)
{
    struct fy_manifest *manifest = create();
    FY_AUTO_FREE char *text = NULL;
    char fingerprint[FY_FINGERPRINT_SIZE];

    sign(manifest, "one", fingerprint);
    cr_assert_eq(fy_manifest_signature_count(manifest), 1);
    cr_assert_eq(fy_manifest_export_signature(manifest, 0, &text, NULL), 0);
    scratch_write(&keys, "root.sig", text, strlen(text));
    write_root(manifest);
    write_signers("namespaces=\"ferry-manifest\"", "one");
    cr_expect_eq(run("ssh-keygen -Y verify -f %s -I somebody@example.org -n ferry-manifest -s %s <%s >/dev/null",
                     path_of("signers"), path_of("root.sig"), path_of("root")),
                 0);
    scratch_append(&keys, "root", "x", 1);
    cr_expect_neq(run("ssh-keygen -Y verify -f %s -I somebody@example.org -n ferry-manifest -s %s <%s >/dev/null 2>&1",
                      path_of("signers"), path_of("root.sig"), path_of("root")),
                  0);
    cr_expect_eq(run("ssh-keygen -l -f %s | grep -qF '%s'", path_of("one.pub"), fingerprint), 0, "%s", fingerprint);
    fy_manifest_free(manifest);
}

static int import(struct fy_manifest *manifest, const char *name, struct fy_error *err)
{
    size_t size;
    FY_AUTO_FREE char *text = read_key(name, &size);

    *err = (struct fy_error)FY_ERROR_INIT;
    return fy_manifest_import_signature(manifest, text, size, NULL, err);
}

Test(signature, we_accept_those_of_ssh_keygen)
{
    static const char *const hashes[] = {"sha512", "sha256"};

    for (size_t i = 0; i < FY_ARRAY_SIZE(hashes); i++) {
        struct fy_manifest *manifest = create();
        struct fy_error err;
        write_root(manifest);
        cr_assert_eq(run("ssh-keygen -q -Y sign -O hashalg=%s -n ferry-manifest -f %s %s 2>/dev/null", hashes[i],
                         path_of("two"), path_of("root")),
                     0);
        cr_expect_eq(import(manifest, "root.sig", &err), 0, "%s", err.message);
        scratch_remove(&keys, "root.sig");
        write_signers("", "two");
        expect_verdict(manifest, FY_OK, "");
        write_signers("", "one");
        expect_verdict(manifest, FY_E_VERIFY, "not in the signers' file");
        fy_manifest_free(manifest);
    }
}

Test(signature, what_ssh_keygen_signed_otherwise_is_refused)
{
    struct fy_manifest *manifest = create();
    struct fy_error err;

    write_root(manifest);
    cr_assert_eq(run("ssh-keygen -q -Y sign -n file -f %s %s 2>/dev/null", path_of("one"), path_of("root")), 0);
    cr_expect_lt(import(manifest, "root.sig", &err), 0);
    cr_expect(err.code == FY_E_VERIFY && strstr(err.message, "namespace file"), "%s", err.message);
    scratch_remove(&keys, "root.sig");
    cr_assert_eq(run("ssh-keygen -q -t rsa -N '' -f %s; ssh-keygen -q -Y sign -n ferry-manifest -f %s %s 2>/dev/null",
                     path_of("rsa"), path_of("rsa"), path_of("root")),
                 0);
    cr_expect_lt(import(manifest, "root.sig", &err), 0);
    cr_expect_eq(err.code, FY_E_UNSUPPORTED, "%s", err.message);
    scratch_remove(&keys, "root.sig");
    scratch_append(&keys, "root", "\n", 1);
    cr_assert_eq(run("ssh-keygen -q -Y sign -n ferry-manifest -f %s %s 2>/dev/null", path_of("one"), path_of("root")),
                 0);
    cr_expect_lt(import(manifest, "root.sig", &err), 0);
    cr_expect(err.code == FY_E_VERIFY && strstr(err.message, "not a right signature"), "%s", err.message);
    cr_expect_eq(fy_manifest_signature_count(manifest), 0);
    fy_manifest_free(manifest);
}

/* ---- in a manifest ---- */

Test(signature, it_is_stored_with_the_manifest_and_replaced)
{
    struct fy_manifest *manifest = create(), *got = NULL;
    struct fy_error err = FY_ERROR_INIT;

    sign(manifest, "one", NULL);
    sign(manifest, "two", NULL);
    sign(manifest, "one", NULL);
    cr_expect_eq(fy_manifest_signature_count(manifest), 2);
    cr_assert_eq(fy_manifest_write(manifest, set.fd, FY_MANIFEST_NAME, &err), 0, "%s", err.message);
    cr_assert_eq(fy_manifest_read(set.fd, FY_MANIFEST_NAME, &got, &err), 0, "%s", err.message);
    cr_expect_eq(fy_manifest_signature_count(got), 2);
    write_signers("", "two");
    expect_verdict(got, FY_OK, "");
    fy_manifest_free(manifest);
    fy_manifest_free(got);
}

Test(signature, a_signature_of_another_set_does_not_count)
{
    struct fy_manifest *manifest = create(), *other;
    struct fy_error err;
    FY_AUTO_FREE char *text = NULL;

    sign(manifest, "one", NULL);
    cr_assert_eq(fy_manifest_export_signature(manifest, 0, &text, NULL), 0);
    scratch_set_byte(&set, "pages-1.img", 5, 5);
    other = create();
    scratch_write(&keys, "root.sig", text, strlen(text));
    cr_expect_lt(import(other, "root.sig", &err), 0);
    cr_expect_eq(err.code, FY_E_VERIFY);
    write_signers("", "one");
    expect_verdict(other, FY_E_VERIFY, "has no signature");
    fy_manifest_free(manifest);
    fy_manifest_free(other);
}

Test(signature, every_changed_byte_of_a_signature_is_noticed)
{
    struct fy_manifest *manifest = create(), *got = NULL;
    struct fy_error err = FY_ERROR_INIT;
    size_t begins, size;

    write_signers("", "one");
    cr_assert_eq(fy_manifest_write(manifest, set.fd, FY_MANIFEST_NAME, &err), 0);
    begins = scratch_size(&set, FY_MANIFEST_NAME);
    sign(manifest, "one", NULL);
    cr_assert_eq(fy_manifest_write(manifest, set.fd, FY_MANIFEST_NAME, &err), 0);
    FY_AUTO_FREE uint8_t *data = scratch_read(&set, FY_MANIFEST_NAME, &size);
    cr_assert_gt(size, begins + 100);
    for (size_t at = begins; at < size; at++) {
        scratch_set_byte(&set, FY_MANIFEST_NAME, at, data[at] ^ (uint8_t)(1u << at % 8));
        if (fy_manifest_read(set.fd, FY_MANIFEST_NAME, &got, NULL) == 0) {
            cr_expect_eq(judge(got, NOW_S, &err), FY_E_VERIFY, "byte %zu", at - begins);
            fy_manifest_free(got);
        }
        scratch_set_byte(&set, FY_MANIFEST_NAME, at, data[at]);
    }
    fy_manifest_free(manifest);
}

/* ---- keys ---- */

static void refuse_key(const char *name, enum fy_code code, const char *text)
{
    struct fy_manifest *manifest = create();
    struct fy_error err = FY_ERROR_INIT;
    size_t size;
    FY_AUTO_FREE char *key = read_key(name, &size);

    cr_expect_lt(fy_manifest_sign(manifest, key, size, NULL, &err), 0, "%s", name);
    cr_expect_eq(err.code, code, "%s: %s", name, err.message);
    cr_expect_not_null(strstr(err.message, text), "\"%s\" is not in \"%s\"", text, err.message);
    cr_expect_eq(fy_manifest_signature_count(manifest), 0);
    fy_manifest_free(manifest);
}

Test(signature, keys_that_are_not_taken)
{
    cr_assert_eq(run("ssh-keygen -q -t ed25519 -N secret -f %s", path_of("locked")), 0);
    refuse_key("locked", FY_E_UNSUPPORTED, "passphrase");
    cr_assert_eq(run("ssh-keygen -q -t ecdsa -N '' -f %s", path_of("ecdsa")), 0);
    refuse_key("ecdsa", FY_E_UNSUPPORTED, "ecdsa-sha2-nistp256");
    cr_assert_eq(run("openssl genpkey -algorithm ed25519 -out %s", path_of("pem")), 0);
    refuse_key("pem", FY_E_FORMAT, "OPENSSH PRIVATE KEY");
    refuse_key("one.pub", FY_E_FORMAT, "OPENSSH PRIVATE KEY");
    scratch_write(&keys, "empty", "", 0);
    refuse_key("empty", FY_E_FORMAT, "OPENSSH PRIVATE KEY");
}

/* Bytes and cuts of a key file: refused, or (in the comment) without an effect; never a wrong signature. */
Test(signature, damaged_keys)
{
    size_t size, signatures = 0;
    FY_AUTO_FREE char *key = read_key("one", &size);
    struct fy_manifest *manifest = create();
    struct fy_error err;

    write_signers("", "one");
    for (size_t at = 0; at < size; at++) {
        char old = key[at];
        key[at] = old == 'A' ? 'B' : 'A';
        if (fy_manifest_sign(manifest, key, size, NULL, NULL) == 0) {
            signatures++;
            cr_expect_eq(judge(manifest, NOW_S, &err), FY_OK, "letter %zu: %s", at, err.message);
        }
        key[at] = old;
        cr_expect(fy_manifest_sign(manifest, key, at, NULL, NULL) < 0 || at >= size - 1, "cut at %zu", at);
    }
    cr_expect_leq(signatures, size / 3);
    fy_manifest_free(manifest);
}

/* ---- signers' files ---- */

Test(signature, what_a_signers_file_may_demand)
{
    struct fy_manifest *manifest = create();

    sign(manifest, "one", NULL);
    write_signers("namespaces=\"file,ferry-*\"", "one");
    expect_verdict(manifest, FY_OK, "");
    write_signers("namespaces=\"*,!ferry-manifest\"", "one");
    expect_verdict(manifest, FY_E_VERIFY, "other namespaces");
    write_signers("namespaces=\"file,git\"", "one");
    expect_verdict(manifest, FY_E_VERIFY, "other namespaces");
    write_signers("valid-after=\"20260101\",valid-before=\"20270101Z\"", "one");
    expect_verdict(manifest, FY_OK, "");
    write_signers("valid-after=\"202701010000\"", "one");
    expect_verdict(manifest, FY_E_VERIFY, "not valid yet");
    write_signers("NAMESPACES=\"ferry-manifest\",valid-before=\"20260101000000Z\"", "one");
    expect_verdict(manifest, FY_E_VERIFY, "not valid any more");
    fy_manifest_free(manifest);
}

Test(signature, a_public_key_file_names_signers_too)
{
    struct fy_manifest *manifest = create();
    size_t size;
    FY_AUTO_FREE char *key = read_key("one.pub", &size);

    sign(manifest, "one", NULL);
    scratch_write(&keys, "signers", key, size);
    expect_verdict(manifest, FY_OK, "");
    fy_manifest_free(manifest);
}

static void refuse_signers(const char *line, const char *text)
{
    struct fy_manifest *manifest = create();

    scratch_write(&keys, "signers", line, strlen(line));
    expect_verdict(manifest, FY_E_FORMAT, text);
    fy_manifest_free(manifest);
}

Test(signature, signers_files_that_are_wrong)
{
    write_signers("cert-authority", "one");
    size_t size;
    FY_AUTO_FREE char *authority = read_key("signers", &size);
    refuse_signers(authority, "signers:3: cert-authority");
    write_signers("namespaces=\"a\",cert-authority", "one");
    FY_AUTO_FREE char *both = read_key("signers", &size);
    refuse_signers(both, "signers:3: cert-authority");
    refuse_signers("me", "signers:1: expected");
    refuse_signers("\n\nme ssh-ed25519\n", "signers:3: expected");
    refuse_signers("me ssh-ed25519 AAAA\n", "the key is not one of ssh-ed25519");
    refuse_signers("me ssh-ed25519 A=AA\n", "the key is not one of ssh-ed25519");
    refuse_signers("me no-touch ssh-ed25519 AAAA\n", "the option no-touch is not known");
    refuse_signers("me namespaces=file ssh-ed25519 AAAA\n", "is not known");
    refuse_signers("me valid-after=\"soon\" ssh-ed25519 AAAA\n", "valid-after is not a time");
    refuse_signers("me valid-after=\"20261301\" ssh-ed25519 AAAA\n", "valid-after is not a time");
    refuse_signers("me valid-after=\"20260102\",valid-before=\"20260101\" ssh-ed25519 AAAA\n", "is not after");
    refuse_signers("me namespaces=\"a\",namespaces=\"b\" ssh-ed25519 AAAA\n", "twice");
}

Test(signature, keys_of_other_kinds_match_nothing)
{
    struct fy_manifest *manifest = create();
    const char *lines = "me ssh-rsa AAAA\nyou sk-ssh-ed25519@openssh.com AAAA\n";

    sign(manifest, "one", NULL);
    scratch_write(&keys, "signers", lines, strlen(lines));
    expect_verdict(manifest, FY_E_VERIFY, "not in the signers' file");
    fy_manifest_free(manifest);
}
