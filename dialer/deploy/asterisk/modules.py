"""The Asterisk modules that the dialler needs, by purpose. Asterisk determines the order of loading itself."""

from __future__ import annotations

from collections.abc import Mapping

ALWAYS: Mapping[str, str] = {
    "The dialplan and its functions": (
        "pbx_config app_amd app_chanspy app_confbridge app_controlplayback app_exec app_mixmonitor app_playback app_stack "
        "app_talkdetect app_userevent app_waitforsilence func_callerid func_channel func_db func_devstate func_env func_global "
        "func_hangupcause func_logic func_sha1 func_strings"
    ),
    "FastAGI; res_agi does not load without res_speech": "res_speech res_agi",
    "SIP; chan_pjsip does not load without res_pjsip_pubsub": (
        "res_sorcery_config res_sorcery_memory res_sorcery_astdb res_pjproject res_pjsip res_pjsip_session "
        "res_pjsip_pubsub res_pjsip_acl res_pjsip_authenticator_digest res_pjsip_caller_id res_pjsip_dtmf_info "
        "res_pjsip_dlg_options res_pjsip_endpoint_identifier_ip res_pjsip_endpoint_identifier_user "
        "res_pjsip_header_funcs res_pjsip_nat "
        "res_pjsip_outbound_authenticator_digest res_pjsip_refer res_pjsip_registrar res_pjsip_rfc3326 res_pjsip_sdp_rtp "
        "chan_pjsip"
    ),
    "Voice: transport, mixing, codecs, sound files": (
        "res_rtp_asterisk res_timing_timerfd bridge_builtin_features bridge_holding bridge_native_rtp "
        "bridge_simple bridge_softmix codec_alaw codec_ulaw codec_resample format_pcm format_sln format_wav "
        "res_musiconhold"
    ),
    "The echo test of phones": "app_echo",
    "Log of break-in attempts, for fail2ban": "res_security_log",
}
OPTIONAL = {
    "registers": ("Registration with carriers", "res_pjsip_outbound_registration"),
    "history": ("Records of how calls ended", "res_cdrel_custom func_cdr cdr_custom"),
    "servers": ("Calls to seats of another server", "app_dial"),
    "g722": ("The codec G.722; without it a call that uses G.722 is silent", "codec_g722"),
    "jitter_buffer": ("Jitter buffers", "func_jitterbuffer"),
    "stir_shaken": ("Signatures of caller IDs", "func_sorcery res_curl res_stir_shaken res_pjsip_stir_shaken"),
    "srtp": ("Encrypted voice", "res_srtp"),
    "webrtc": ("Phones in browsers", "res_http_websocket res_pjsip_transport_websocket"),
}
"""The purpose and modules of each optional feature of a site."""


def list_needed_asterisk_modules(**features: bool) -> Mapping[str, list[str]]:
    """Return the names of the Asterisk modules that a site needs, by purpose, without .so.

    `features` are the optional functions of `OPTIONAL` that the site uses.
    """
    wanted = {**ALWAYS, **dict(group for feature, group in OPTIONAL.items() if features[feature])}
    return {title: names.split() for title, names in wanted.items()}
