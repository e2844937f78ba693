/* Strict UTF-8 decoding, one character at a time. */
#include <ferry/base/utf8.h>

static size_t sequence_length(uint8_t lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf) /* 0xc0 and 0xc1 could only begin an overlong form */
        return 2;
    if (lead >= 0xe0 && lead <= 0xef)
        return 3;
    if (lead >= 0xf0 && lead <= 0xf4)
        return 4;
    return 0;
}

size_t fy_utf8_next(const char *data, size_t size, uint32_t *code_point)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    static const uint8_t lead_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    size_t length = sequence_length((uint8_t)data[0]);
    if (!length || length > size)
        return 0;
    uint32_t value = (uint8_t)data[0] & lead_bits[length];
    for (size_t i = 1; i < length; i++) {
        uint8_t byte = (uint8_t)data[i];
        if ((byte & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (byte & 0x3fU);
    }
    if (value < smallest[length] || (value >= 0xd800 && value <= 0xdfff) || value > 0x10ffff)
        return 0;
    *code_point = value;
    return length;
}
