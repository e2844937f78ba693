/* The key stream of one context of the provider, and the short way to it.
 *
 * libssh2 calls OpenSSL's EVP_Cipher() for every 16 bytes. On the way from there to the provider OpenSSL looks at more
 * than the bytes that are to be added: 5 of 16 ns. So ferry has an EVP_Cipher() of its own (ssh_cipher_call.c), which
 * the dynamic linker finds before OpenSSL's: it goes straight to the stream that served the thread's last call with the
 * same context, and otherwise, as for every other cipher, calls OpenSSL's. */
#ifndef FERRY_SSH_CIPHER_STREAM_H
#define FERRY_SSH_CIPHER_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FY_SSH_STREAM_BYTES 4096u
/* Of AES. */
#define FY_SSH_STREAM_BLOCK_BYTES 16u

struct fy_ssh_stream {
    uint8_t bytes[FY_SSH_STREAM_BYTES];
    size_t used; /* of them, from the first on: each once */
};

static inline bool fy_ssh_stream_has_block(const struct fy_ssh_stream *stream)
{
    return stream->used <= FY_SSH_STREAM_BYTES - FY_SSH_STREAM_BLOCK_BYTES;
}

/* Adds the next block of the stream, which has one. `out` may be `in`. */
static inline void fy_ssh_stream_add_block(struct fy_ssh_stream *stream, uint8_t *out, const uint8_t *in)
{
    uint64_t text[2], key[2];
    memcpy(text, in, sizeof text);
    memcpy(key, stream->bytes + stream->used, sizeof key);
    text[0] ^= key[0];
    text[1] ^= key[1];
    memcpy(out, text, sizeof text);
    stream->used += FY_SSH_STREAM_BLOCK_BYTES;
}

/* The call that the thread is in is served from that stream. */
void fy_ssh_stream_serves(struct fy_ssh_stream *stream);
/* A stream is about to go: no thread goes straight to one any more, until it has been served from it again. */
void fy_ssh_stream_goes(void);

#endif
