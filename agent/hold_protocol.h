/* What the hold server and its client, `ferry hold`, share: one line there, one line back. */
#ifndef FERRY_AGENT_HOLD_PROTOCOL_H
#define FERRY_AGENT_HOLD_PROTOCOL_H

#define FY_HOLD_TOKEN_SIZE 33 /* 128 random bits as hexadecimal digits, NUL */
#define FY_HOLD_LINE_SIZE 512 /* "JOB TOKEN STAGE INIT-PID\n", NUL */

#endif
