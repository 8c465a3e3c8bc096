"""The pieces of an email. `$name` is filled in by `write_email`, which escapes what it fills in.

Styles stand in the tags: mail programs drop style sheets.
"""

from __future__ import annotations

from string import Template

PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$headline</title>
</head>
<body style="margin:0;padding:24px;background:#f4f4f5;color:#18181b;\
font-family:Helvetica,Arial,sans-serif">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0">
<tr><td align="center">
<table role="presentation" width="560" cellpadding="0" cellspacing="0"
 style="max-width:560px;width:100%;background:#ffffff;border-radius:8px">
<tr><td style="padding:28px 28px 8px">
<h1 style="margin:0;font-size:22px;line-height:1.3">$headline</h1>
</td></tr>
<tr><td style="padding:8px 28px">$lead</td></tr>
<tr><td style="padding:8px 28px">
<table role="presentation" cellpadding="0" cellspacing="0" style="font-size:14px;line-height:1.5">
$facts</table>
</td></tr>
<tr><td style="padding:8px 28px 28px;font-size:12px;color:#71717a">$job_id</td></tr>
</table>
</td></tr>
</table>
</body>
</html>
""")

POSTER = Template("""
<p style="margin:0 0 16px"><img src="cid:$content_id" alt="First look at the video" width="504"
 style="display:block;width:100%;max-width:504px;border-radius:6px"></p>""")

LINK = Template("""
<p style="margin:0 0 16px"><a href="$link" style="display:inline-block;padding:12px 20px;\
background:#18181b;color:#ffffff;text-decoration:none;border-radius:6px">Download the video</a></p>
<p style="margin:0 0 8px;font-size:12px;color:#71717a">Whoever has this link can download the
video, until the link expires or is withdrawn.</p>
""")

REASON = Template("""
<p style="margin:0 0 8px">$message</p>
<p style="margin:0 0 8px;color:#52525b">$hint</p>
""")

FACT = Template("""\
<tr><td style="padding:2px 16px 2px 0;color:#71717a;vertical-align:top">$label</td>\
<td style="padding:2px 0">$value</td></tr>
""")

TEXT = Template("""\
$headline

$lead

$facts

$job_id
""")
