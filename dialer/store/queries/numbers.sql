-- Numbers as the rules see them: registers, consent, opt-outs that come from outside.

-- name: registers
SELECT name, dated, numbers FROM register ORDER BY name;
