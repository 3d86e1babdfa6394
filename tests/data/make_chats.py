#!/usr/bin/env python3
"""Renders chat templates of real models, and changed ones, over generated message lists with
Jinja itself, for tests/text/test_chat.c.

Made with: Jinja2 3.1.6, Python 3.11, set up as transformers does it (trim_blocks, lstrip_blocks).
usage: make_chats.py MODEL.gguf     (the first template is the model's own; needs gguf)

chats.bin: u32 n_templates, then each: u8 family (0: must be refused, 1 ChatML, 2 Llama 3,
3 Gemma, 4 Llama 2), u16 bytes, template, u32 n_cases, then each: u8 n_messages, each u8 role
(0 system 1 user 2 assistant), u16 bytes, text; then u16 bytes, rendering (FFFF: the template
raised). A last assistant message is rendered up to its end. Little-endian.
"""
import pathlib
import random
import struct
import sys

import gguf
from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = pathlib.Path(__file__).resolve().parent
RNG = random.Random(4)
ALTERNATE = ("{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception("
             "'Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}")
CHATML = ("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + "
          "message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
          "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
CHATML_PLAIN = """{%- for message in messages %}
<|im_start|>{{ message.role }}
{{ message["content"] }}<|im_end|>
{% endfor -%}
{#- the answer -#}
{% if add_generation_prompt %}
<|im_start|>assistant
{% endif %}"""
QWEN2 = ("{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
         "{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{% endif %}"
         "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}"
         "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
QWEN25 = r"""{%- if tools %}
    {{- '<|im_start|>system\n' }}
    {%- if messages[0]['role'] == 'system' %}
        {{- messages[0]['content'] }}
    {%- else %}
        {{- 'You are Qwen, created by Alibaba Cloud. You are a helpful assistant.' }}
    {%- endif %}
    {{- "\n\n# Tools\n\nYou may call one or more functions.\n<tools>" }}
    {%- for tool in tools %}
        {{- "\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\n</tools><|im_end|>\n" }}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}
    {%- else %}
        {{- '<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %}
"""
LLAMA3 = ("{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = "
          "'<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | "
          "trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}"
          "{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}"
          "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}")
GEMMA = ("{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role "
         "not supported') }}{% endif %}{% for message in messages %}" + ALTERNATE +
         "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}"
         "{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\n' + "
         "message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
         "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}")
GEMMA3 = r"""{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- if messages[0]['content'] is string -%}
        {%- set first_user_prefix = messages[0]['content'] + '\n\n' -%}
    {%- else -%}
        {%- set first_user_prefix = messages[0]['content'][0]['text'] + '\n\n' -%}
    {%- endif -%}
    {%- set loop_messages = messages[1:] -%}
{%- else -%}
    {%- set first_user_prefix = "" -%}
    {%- set loop_messages = messages -%}
{%- endif -%}
{%- for message in loop_messages -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception("Conversation roles must alternate user/assistant/user/assistant/...") }}
    {%- endif -%}
    {%- if (message['role'] == 'assistant') -%}
        {%- set role = "model" -%}
    {%- else -%}
        {%- set role = message['role'] -%}
    {%- endif -%}
    {{ '<start_of_turn>' + role + '\n' + (first_user_prefix if loop.first else "") }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] -%}
            {%- if item['type'] == 'image' -%}
                {{ '<start_of_image>' }}
            {%- elif item['type'] == 'text' -%}
                {{ item['text'] | trim }}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ '<end_of_turn>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{'<start_of_turn>model\n'}}
{%- endif -%}
"""
LLAMA2 = ("{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
          "{% set system_message = messages[0]['content'] %}{% else %}"
          "{% set loop_messages = messages %}{% set system_message = false %}{% endif %}"
          "{% for message in loop_messages %}" + ALTERNATE +
          "{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + "
          "system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}"
          "{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}"
          "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
          "{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}"
          "{% endif %}{% endfor %}")
REFUSED = [
    "", "{{ messages }}", "<|im_start|>", "{{ unclosed", "{% set x = 'a", "{{ \"{%\" }}",
    CHATML.replace("message['content']", "message['content'] | upper"),
    CHATML.replace("message['content']", "message['content'] | trim"),
    CHATML.replace("'<|im_end|>' + '\n'", "'<|im_end|>'"),
    CHATML.replace("<|im_start|>assistant\n", "<|im_start|>assistant\n<think>\n"),
    CHATML.replace("{% for", "{{ bos_token }}{% for"),
    CHATML.replace("{% for", "{{ '<|im_start|>system\nAlways.<|im_end|>\n' }}{% for"),
    CHATML.replace("'\n'}}", "'\n'}}{{ strftime_now('%d') }}"),
    CHATML.replace("{% for", "{% if tools %}{{ tools }}{% endif %}{% for"),
    LLAMA3.replace("| trim", ""),
    LLAMA3.replace("{% set loop", "{% set date_string = '26 Jul 2024' %}{% set loop"),
    LLAMA3.replace("bos_token + content", "content"),
    GEMMA.replace("<end_of_turn>\n", "<end_of_turn><eos>\n"),
    GEMMA.replace("{{ raise_exception('System role not supported') }}", ""),
    GEMMA3.replace('first_user_prefix = ""', 'first_user_prefix = "Be brief.\\n\\n"'),
    LLAMA2.replace("system_message = false", "system_message = 'You are kind.'"),
    LLAMA2.replace("'<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + ", ""),
]

TEXTS = ["Hello", "", " ", "Fix this caption: teh cat", "  padded \n", "\n\nleading", "a\nb\n",
         "über 日本語 👨‍👩‍👧", "<b>tag</b>", "{{ not jinja }}", "it's 12:30", "x" * 80,
         "\u00a0nbsp\u3000", "\x1fcontrol\x0b", "line one\r\nline two"]


def message_lists():
    lists = [["u"], ["s", "u"], ["u", "a", "u"], ["s", "u", "a", "u"], ["u", "a"], ["s", "u", "a"],
             ["s"], ["a"], ["u", "u"], ["s", "s", "u"], ["u", "s", "u"], ["u", "a", "u", "a", "u"]]
    names = {"s": "system", "u": "user", "a": "assistant"}
    for shape in lists * 12:
        yield [{"role": names[c], "content": RNG.choice(TEXTS)} for c in shape]


def render(env, source, messages):
    """None: the template raised. A last assistant message ends the rendering; templates that trim
    trim it too, so the sign that marks the end is put behind the trimmed text."""
    open_end = messages[-1]["role"] == "assistant"
    sign = "\ue000END\ue000"
    used = [dict(m) for m in messages]
    if open_end:
        trims = "trim" in source or "strip()" in source
        text = used[-1]["content"]
        used[-1]["content"] = (text.strip() if trims else text) + sign
    try:
        text = env.from_string(source).render(
            messages=used, bos_token="<s>", eos_token="</s>", add_generation_prompt=not open_end)
    except TemplateError:
        return None
    return text[:text.index(sign)] if open_end else text


def main():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)

    def raise_exception(message):
        raise TemplateError(message)

    env.globals["raise_exception"] = raise_exception
    own = gguf.GGUFReader(sys.argv[1]).fields["tokenizer.chat_template"].contents()
    known = [(1, own), (1, CHATML), (1, CHATML_PLAIN), (1, QWEN2), (1, QWEN25), (2, LLAMA3),
             (3, GEMMA), (3, GEMMA3), (4, LLAMA2)]
    out = struct.pack("<I", len(known) + len(REFUSED))
    n = 0
    for family, source in known + [(0, s) for s in REFUSED]:
        raw = source.encode()
        cases = list(message_lists()) if family else []
        out += struct.pack("<BH", family, len(raw)) + raw + struct.pack("<I", len(cases))
        for messages in cases:
            n += 1
            out += struct.pack("<B", len(messages))
            for m in messages:
                text = m["content"].encode()
                out += struct.pack("<BH", ["system", "user", "assistant"].index(m["role"]), len(text))
                out += text
            text = render(env, source, messages)
            if text is None:
                out += struct.pack("<H", 0xFFFF)
            else:
                out += struct.pack("<H", len(text.encode())) + text.encode()
    (HERE / "chats.bin").write_bytes(out)
    print("chats.bin", len(out), "bytes", n, "renderings")


main()
